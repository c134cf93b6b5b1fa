"""The README is short, and tools that write into pages find their marks."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def test_the_readme_can_be_read_in_minutes() -> None:
    assert len((ROOT / "README.md").read_text().split()) < 900


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("README.md", "bench"),
        ("docs/performance.md", "bench"),
        ("docs/performance.md", "training"),
        ("docs/performance.md", "growth"),
        ("docs/performance.md", "fairness"),
        ("docs/performance.md", "keyless"),
        ("docs/soak.md", "soak"),
        ("docs/soak.md", "faults"),
        ("docs/architecture.md", "structure"),
    ],
)
def test_tools_find_their_marks(page: str, name: str) -> None:
    text = (ROOT / page).read_text()
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    assert text.count(begin) == text.count(end) == 1
    assert text.index(begin) < text.index(end)
