"""Rooms of the code, and the imports between them.

A room is a module or package that lies directly in a larger package. One room points at another if any module in it
imports any module in the other, wherever the import statement stands.
"""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

import grimp

SCIENCE = "epitaxy_models"
SERVICES = "epitaxy"
STUBS = "epitaxy.api"  # generated: its rooms are those of the protos

Arrows = Mapping[str, frozenset[str]]


def build_graph() -> grimp.ImportGraph:
    """Reads the imports of both source roots."""
    return grimp.build_graph(SERVICES, SCIENCE, cache_dir=None)


def packages(graph: grimp.ImportGraph) -> list[str]:
    """All packages that have rooms, generated ones aside."""
    own = sorted(name for name in graph.modules if name != STUBS and not name.startswith(f"{STUBS}."))
    return [name for name in own if graph.find_children(name)]


def services(graph: grimp.ImportGraph) -> Arrows:
    """Arrows between the services, with all of the science as one room."""
    return _arrows(graph, [*graph.find_children(SERVICES), SCIENCE])


def rooms_in(graph: grimp.ImportGraph, package: str) -> Arrows:
    """Arrows between the rooms of a package."""
    return _arrows(graph, list(graph.find_children(package)))


def find_circle(arrows: Arrows) -> list[str]:
    """Returns the rooms of a circle, its first room also last; empty if there is no circle."""
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return [str(room) for room in error.args[1]]
    return []


def without_shortcuts(arrows: Arrows) -> Arrows:
    """Leaves out each arrow that follows from others: A to C if A points at B and B at C. Circles stay as they are."""
    if find_circle(arrows):
        return arrows
    reached = _reached(arrows)
    return {
        room: frozenset(other for other in others if not any(other in reached[between] for between in others))
        for room, others in arrows.items()
    }


def _arrows(graph: grimp.ImportGraph, rooms: list[str]) -> Arrows:
    members = {room: {room} | graph.find_descendants(room) for room in sorted(rooms)}
    owner = {module: room for room, modules in members.items() for module in modules}
    return {
        room: frozenset(
            owner[imported]
            for module in modules
            for imported in graph.find_modules_directly_imported_by(module)
            if owner.get(imported, room) != room
        )
        for room, modules in members.items()
    }


def _reached(arrows: Arrows) -> dict[str, frozenset[str]]:
    """The rooms that each room reaches over one arrow or more. Needs arrows without a circle."""
    reached: dict[str, frozenset[str]] = {}
    for room in TopologicalSorter(arrows).static_order():
        others = arrows.get(room, frozenset())
        reached[room] = others.union(*(reached[other] for other in others))
    return reached
