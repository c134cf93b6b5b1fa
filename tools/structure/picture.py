"""The structure as Mermaid flowcharts in Markdown."""

import grimp

from tools.structure.rooms import SCIENCE, Arrows, rooms_in, services, without_shortcuts

# Packages that are large enough to be drawn from inside, in the order of the page.
_DRAWN_INSIDE = (
    ("epitaxy.prediction", "Prediction"),
    ("epitaxy.finetune", "Fine-tuning"),
    ("epitaxy.gateway", "Gateway"),
    ("epitaxy.client", "Client"),
    ("epitaxy.cli", "Command"),
    (f"{SCIENCE}.transfer", "Transfer"),
)
_INTRODUCTION = """\
`make structure` draws this section from the imports of the code; `make check-generated` fails if it is out of date. An
arrow means "imports". An arrow that follows from others is left out: if A imports B and B imports C, there is no arrow
from A to C. Boxes with double sides are packages, the others are single modules. `tests/unit/structure` fails if there
is a circle."""


def draw(graph: grimp.ImportGraph) -> str:
    """Returns the whole section, Markdown without the markers around it."""
    parts = [
        _INTRODUCTION,
        "**Services**",
        _flowchart(graph, services(graph)),
        f"**The science**, `{SCIENCE}`",
        _flowchart(graph, rooms_in(graph, SCIENCE)),
        "<details><summary>Inside the larger packages</summary>",
    ]
    for package, title in _DRAWN_INSIDE:
        parts += [f"**{title}**, `{package}`", _flowchart(graph, rooms_in(graph, package))]
    return "\n\n".join([*parts, "</details>"])


def _flowchart(graph: grimp.ImportGraph, arrows: Arrows) -> str:
    drawn = without_shortcuts(arrows)
    boxes = [f"  {_identifier(room)}{_box(graph, room)}" for room in sorted(drawn)]
    lines = [
        f"  {_identifier(room)} --> {' & '.join(map(_identifier, sorted(others)))}"
        for room, others in sorted(drawn.items())
        if others
    ]
    return "\n".join(["```mermaid", "flowchart TD", *boxes, *lines, "```"])


def _box(graph: grimp.ImportGraph, room: str) -> str:
    name = room.rpartition(".")[2]
    return f'[["{name}"]]' if graph.find_children(room) else f'["{name}"]'


def _identifier(room: str) -> str:
    """A name for Mermaid, in which ``end`` and ``graph`` are words of the language."""
    return f"r_{room.rpartition('.')[2]}"
