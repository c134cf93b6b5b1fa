"""Every relative link and anchor of the documentation leads to something in this repository."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[3]
PAGES = sorted(
    [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")), *ROOT.glob("docs/**/*.md")]
)
_PARSER = MarkdownIt("commonmark").enable("table")


def _tokens(page: Path) -> Iterator[Token]:
    for token in _PARSER.parse(page.read_text()):
        yield token
        yield from token.children or ()


def links_of(page: Path) -> list[str]:
    """Targets of all links and images of a page, code blocks left out."""
    found = [token.attrGet({"link_open": "href", "image": "src"}.get(token.type, "")) for token in _tokens(page)]
    return [str(target) for target in found if target]


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading: lower case, punctuation dropped, each space a hyphen."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@cache
def anchors_of(page: Path) -> frozenset[str]:
    """Anchors of a page's headings; of equal headings the second one ends with ``-1``."""
    tokens = _PARSER.parse(page.read_text())
    headings = [after for token, after in pairwise(tokens) if token.type == "heading_open"]
    texts = ["".join(child.content for child in heading.children or ()) for heading in headings]
    anchors, seen = set(), Counter[str]()
    for name in map(slug, texts):
        anchors.add(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return frozenset(anchors)


def fault_of(page: Path, link: str) -> str:
    """What is wrong with a link of a page; empty if nothing is, or if it is an address on the web."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return "" if parts.scheme in {"https", "mailto"} else f"{link}: not an https address"
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.is_relative_to(ROOT):
        return f"{link}: points outside of the repository"
    if not target.exists():
        return f"{link}: there is no such file"
    if parts.fragment and target.suffix == ".md" and parts.fragment not in anchors_of(target):
        return f"{link}: there is no such heading"
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve_inside_the_repository(page: Path) -> None:
    assert [fault for link in links_of(page) if (fault := fault_of(page, link))] == []


def paths_outside(page: Path) -> list[str]:
    """Paths in code and text of a page that leave the repository, seen from its root as commands are."""
    found = re.findall(r"(?<![\w./(])(?:\.\./)+[\w./-]*", re.sub(r"\]\([^)]*\)", "", page.read_text()))
    return [path for path in found if not (ROOT / path).resolve().is_relative_to(ROOT)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_name_no_path_outside_of_the_repository(page: Path) -> None:
    assert paths_outside(page) == []


def test_paths_outside_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("[a link](../other.md) `tool --data ../shared/data`, tests/../docs")
    assert paths_outside(page) == ["../shared/data"]


def test_the_pages_have_links() -> None:
    """A parser that finds nothing would let everything pass."""
    found = Counter({page.name: len(links_of(page)) for page in PAGES})
    assert found["README.md"] > 15
    assert found["architecture.md"] > 15


@pytest.mark.parametrize(
    ("link", "fault"),
    [
        ("docs/nowhere.md", "no such file"),
        ("docs/architecture.md#nowhere", "no such heading"),
        ("#nowhere", "no such heading"),
        ("../../outside.md", "outside of the repository"),
        ("/etc/hosts", "outside of the repository"),
        ("http://example.org", "not an https address"),
    ],
)
def test_broken_links_are_found(link: str, fault: str) -> None:
    assert fault in fault_of(ROOT / "README.md", link)


def test_anchors_are_those_of_github() -> None:
    assert slug("What happens, when: `make` runs (twice)?") == "what-happens-when-make-runs-twice"
    assert "five-files-to-read-in-call-order" in anchors_of(ROOT / "docs/architecture.md")
