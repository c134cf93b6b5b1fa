"""Molecules and repeat units drawn by RDKit, atoms and bonds coloured by their shares."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from epitaxy_models.explanation.materials.chemistry import PartedChemistry
from epitaxy_models.explanation.materials.explanation import AtomShare, BondShare

_LOG = logging.getLogger(__name__)
_WIDTH, _HEIGHT = 460, 340
_LOW, _MIDDLE, _HIGH = (33, 102, 172), (245, 245, 242), (178, 24, 43)
Colour = tuple[float, float, float]


def drawing_of(parted: PartedChemistry, atoms: Sequence[AtomShare], bonds: Sequence[BondShare]) -> str:
    """SVG of the molecule or the repeat units side by side; empty where RDKit cannot draw here.

    Blue lowers the property, red raises it; what adds nothing has no colour.
    """
    try:
        # It loads libraries of the X window system, which a slim machine may lack: no reason to explain nothing.
        from rdkit.Chem.Draw import rdMolDraw2D  # noqa: PLC0415
    except ImportError as error:
        _LOG.warning("explanations are not drawn: %s", error)
        return ""
    spreads = [*(atom.spread for atom in atoms), *(bond.spread for bond in bonds)]
    limit = max((abs(spread.value) for spread in spreads), default=0.0)
    coloured = [_coloured(parted, unit, atoms, bonds, limit) for unit in range(len(parted.graphs))]
    drawer = rdMolDraw2D.MolDraw2DSVG(_WIDTH * len(coloured), _HEIGHT, _WIDTH, _HEIGHT)
    options: Any = drawer.drawOptions()  # the stubs of RDKit know no types of its fields
    options.clearBackground = False
    options.highlightRadius = 0.35
    options.fillHighlights = True
    drawer.DrawMolecules(
        list(parted.graphs),
        highlightAtoms=[list(by_atom) for by_atom, _ in coloured],
        highlightBonds=[list(by_bond) for _, by_bond in coloured],
        highlightAtomColors=[by_atom for by_atom, _ in coloured],
        highlightBondColors=[by_bond for _, by_bond in coloured],
    )
    drawer.FinishDrawing()
    text = drawer.GetDrawingText()
    # Within a page an XML declaration is an error.
    return str(text[text.index("<svg") :])


def colour_of(value: float, limit: float) -> Colour:
    """From blue over white to red, each channel 0 to 1."""
    share = max(-1.0, min(1.0, value / limit)) if limit else 0.0
    end = _HIGH if share > 0 else _LOW
    red, green, blue = (
        (middle + (last - middle) * abs(share)) / 255 for middle, last in zip(_MIDDLE, end, strict=True)
    )
    return red, green, blue


def _coloured(
    parted: PartedChemistry, unit: int, atoms: Sequence[AtomShare], bonds: Sequence[BondShare], limit: float
) -> tuple[Mapping[int, Colour], Mapping[int, Colour]]:
    graph: Any = parted.graphs[unit]
    numbers = [index for index in range(graph.GetNumAtoms()) if graph.GetAtomWithIdx(index).GetAtomicNum()]
    by_atom = {
        numbers[atom.index]: colour_of(atom.spread.value, limit)
        for atom in atoms
        if atom.unit == unit and atom.spread.value
    }
    by_bond = {
        graph.GetBondBetweenAtoms(numbers[bond.first], numbers[bond.second]).GetIdx(): colour_of(
            bond.spread.value, limit
        )
        for bond in bonds
        if bond.unit == unit and bond.spread.value
    }
    return by_atom, by_bond
