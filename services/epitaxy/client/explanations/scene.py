"""A crystal as circles and lines on paper: what the figure and the page both draw."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy.client.explanations.radii import RADII
from epitaxy.client.explanations.results import ExplanationResult, SiteContribution

# Where the viewer stands, degrees; a little off every axis, so that rows of atoms do not hide each other.
_AZIMUTH, _ELEVATION = 28.0, 16.0
# Share of the covalent radius that is drawn, so that neighbours can be seen behind.
_DRAWN = 0.45
# Bonds are drawn up to this share of the covalent radii's sum and of either atom's nearest distance.
_BOND_REACH, _BOND_SPREAD = 1.25, 1.2
# Atoms this near to a face, edge or corner of the cell are drawn on the opposite ones too.
_ON_FACE = 0.02
_MAX_REPEATED = 120
# Edges of the cell pass through the balls at its corners, not over them, Angstrom.
_EDGES_BEHIND = 1.0
# More atoms give no picture, and distances of all pairs cost too much.
_MAX_BONDED = 400

Point = tuple[float, float]
_LOW, _MIDDLE, _HIGH = (33, 102, 172), (245, 245, 242), (178, 24, 43)


@dataclass(frozen=True, slots=True)
class Ball:
    """An atom on paper; lengths in Angstrom."""

    centre: Point
    depth: float
    radius: float
    site: SiteContribution


@dataclass(frozen=True, slots=True)
class Stick:
    """Half of a bond, or an edge of the cell."""

    begin: Point
    end: Point
    depth: float
    is_cell: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """Parts to be drawn one after another, those at the back first.

    Attributes:
        limit: Largest contribution of a site, which has the full colour.
    """

    parts: tuple[Ball | Stick, ...]
    limit: float

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right and top of all balls and the cell."""
        points = np.array([point for part in self.parts for point in _outline(part)])
        return (*points.min(axis=0).tolist(), *points.max(axis=0).tolist())


def scene_of(explanation: ExplanationResult) -> Scene:
    """The unit cell with its atoms, those on faces on all of them, and bonds."""
    lattice = np.array(explanation.lattice)
    camera = _camera()
    sites, points = _drawn_atoms(explanation.sites, lattice)
    centres = points @ camera
    balls = [
        Ball((x, y), z, _DRAWN * RADII[site.element], site)
        for (x, y, z), site in zip(centres.tolist(), sites, strict=True)
    ]
    sticks = [*_cell_edges(lattice @ camera), *_bonds(sites, points, centres)]
    parts: list[Ball | Stick] = [*balls, *sticks]
    limit = max((abs(site.value) for site in explanation.sites), default=0.0)
    return Scene(tuple(sorted(parts, key=lambda part: part.depth)), limit or 1.0)


def colour_of(value: float, limit: float) -> str:
    """From blue (lowers the property) over white to red (raises it), as ``#rrggbb``."""
    share = max(-1.0, min(1.0, value / limit))
    end = _HIGH if share > 0 else _LOW
    mixed = [round(middle + (last - middle) * abs(share)) for middle, last in zip(_MIDDLE, end, strict=True)]
    return "#{:02x}{:02x}{:02x}".format(*mixed)


def is_dark(value: float, limit: float) -> bool:
    """True if white text is easier to read on that colour."""
    return abs(value) > 0.55 * limit


def _camera() -> NDArray[np.float64]:
    """Columns: to the right, up, and towards the viewer, ``[3, 3]``."""
    azimuth, elevation = np.radians(_AZIMUTH), np.radians(_ELEVATION)
    towards = np.array([np.cos(elevation) * np.sin(azimuth), -np.cos(elevation) * np.cos(azimuth), np.sin(elevation)])
    right = np.cross([0.0, 0.0, 1.0], towards)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(towards, right), towards], axis=1)


def _drawn_atoms(
    sites: Sequence[SiteContribution], lattice: NDArray[np.float64]
) -> tuple[list[SiteContribution], NDArray[np.float64]]:
    """Atoms inside of the cell, repeated if they lie on its faces; positions in Angstrom ``[n_atoms, 3]``."""
    drawn, points = [], []
    for site in sites:
        frac = np.array(site.position) % 1.0
        frac[frac > 1 - _ON_FACE] -= 1.0
        axes = np.flatnonzero(frac < _ON_FACE) if len(sites) <= _MAX_REPEATED else ()
        shifts = np.zeros((1, 3))
        for axis in axes:
            shifts = np.concatenate([shifts, shifts + np.eye(3)[axis]])
        drawn += [site] * len(shifts)
        points.append(frac + shifts)
    return drawn, np.concatenate(points) @ lattice


def _bonds(sites: Sequence[SiteContribution], points: NDArray[np.float64], centres: NDArray[np.float64]) -> list[Stick]:
    if not 1 < len(sites) <= _MAX_BONDED:
        return []
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    radii = np.array([RADII[site.element] for site in sites])
    nearest = distances.min(axis=1)
    reach = np.minimum(_BOND_REACH * (radii[:, None] + radii), _BOND_SPREAD * np.minimum(nearest[:, None], nearest))
    halves = []
    for first, second in np.argwhere(distances <= reach).tolist():
        # From the surface of the ball to the middle.
        along = (centres[second] - centres[first]) / distances[first, second]
        begin, end = centres[first] + 0.9 * _DRAWN * radii[first] * along, (centres[first] + centres[second]) / 2
        depth = float((begin[2] + end[2]) / 2)
        halves.append(Stick((float(begin[0]), float(begin[1])), (float(end[0]), float(end[1])), depth))
    return halves


def _cell_edges(cell: NDArray[np.float64]) -> list[Stick]:
    """The twelve edges of the cell, in pieces, so that atoms hide what lies behind them."""
    corners = np.indices((2, 2, 2)).reshape(3, -1).T
    pieces = np.linspace(0.0, 1.0, 9)
    edges = []
    for axis in range(3):
        for corner in corners[corners[:, axis] == 0]:
            steps = (corner + pieces[:, None] * np.eye(3)[axis]) @ cell
            for begin, end in zip(steps[:-1].tolist(), steps[1:].tolist(), strict=True):
                depth = (begin[2] + end[2]) / 2 - _EDGES_BEHIND
                edges.append(Stick((begin[0], begin[1]), (end[0], end[1]), depth, is_cell=True))
    return edges


def _outline(part: Ball | Stick) -> list[Point]:
    if isinstance(part, Stick):
        return [part.begin, part.end]
    (x, y), radius = part.centre, part.radius
    return [(x - radius, y - radius), (x + radius, y + radius)]
