"""Rooms: no circle between them, few entries in each, and a picture that shows them as they are."""

from pathlib import Path

import pytest

from tools.structure.__main__ import PAGE
from tools.structure.page import read_section, write_section
from tools.structure.picture import draw
from tools.structure.rooms import build_graph, find_circle, packages, rooms_in, services, without_shortcuts

ROOT = Path(__file__).parents[3]


def test_services_and_science_have_no_circle(graph) -> None:
    assert find_circle(services(graph)) == []


@pytest.mark.parametrize("package", packages(build_graph()))
def test_rooms_have_no_circle(graph, package: str) -> None:
    assert find_circle(rooms_in(graph, package)) == []


@pytest.mark.parametrize(
    ("folder", "most"),
    [
        ("services/epitaxy/prediction", 24),
        ("services/epitaxy/finetune", 24),
        ("services/epitaxy/client", 24),
        ("services/epitaxy/cli", 26),
        ("models/epitaxy_models/transfer", 26),
    ],
)
def test_folders_hold_few_entries(folder: str, most: int) -> None:
    entries = [entry.name for entry in (ROOT / folder).iterdir() if entry.name != "__pycache__"]
    assert 0 < len(entries) <= most, sorted(entries)


def test_the_picture_shows_the_imports_as_they_are(graph) -> None:
    assert read_section(PAGE) == draw(graph), "run make structure"


def test_the_picture_has_the_rooms_and_their_arrows(graph) -> None:
    section = draw(graph)
    assert 'r_screen[["screen"]]' in section
    assert 'r_doctor["doctor"]' in section
    assert "r_doctor --> r_checkup" in section
    assert "r_client --> r_answers & r_tables" in section


def test_a_circle_is_found() -> None:
    arrows = {"a": frozenset({"b"}), "b": frozenset({"c"}), "c": frozenset({"a", "d"}), "d": frozenset()}
    circle = find_circle(arrows)
    assert circle[0] == circle[-1]
    assert set(circle) == {"a", "b", "c"}
    assert without_shortcuts(arrows) == arrows


def test_an_arrow_that_follows_from_others_is_not_drawn() -> None:
    arrows = {"a": frozenset({"b", "c", "d"}), "b": frozenset({"c"}), "c": frozenset({"d"}), "d": frozenset()}
    assert without_shortcuts(arrows) == {
        "a": frozenset({"b"}), "b": frozenset({"c"}), "c": frozenset({"d"}), "d": frozenset(),
    }  # fmt: skip


def test_a_section_is_written_between_its_markers_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- structure: begin -->\nold\n<!-- structure: end -->\nafter\n")
    write_section(page, "new\n\ntext")
    assert read_section(page) == "new\n\ntext"
    assert page.read_text() == ("before\n<!-- structure: begin -->\n\nnew\n\ntext\n\n<!-- structure: end -->\nafter\n")
    page.write_text("no markers")
    with pytest.raises(ValueError, match="needs the markers"):
        read_section(page)
