"""The generated section of a Markdown page, between two markers."""

from pathlib import Path

BEGIN, END = "<!-- structure: begin -->", "<!-- structure: end -->"


def read_section(page: Path) -> str:
    """Returns the text between the markers, without blank lines around it. Raises ValueError without markers."""
    _, section, _ = _split(page)
    return section.strip()


def write_section(page: Path, section: str) -> None:
    """Replaces the text between the markers, and nothing else. Raises ValueError without markers."""
    before, _, after = _split(page)
    page.write_text(f"{before}{BEGIN}\n\n{section}\n\n{END}{after}", encoding="utf-8")


def _split(page: Path) -> tuple[str, str, str]:
    text = page.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f"{page} needs the markers {BEGIN} and {END}, once each and in this order")
    before, _, rest = text.partition(BEGIN)
    section, _, after = rest.partition(END)
    return before, section, after
