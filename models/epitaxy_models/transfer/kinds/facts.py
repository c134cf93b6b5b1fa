"""What the card of a model of materials without a crystal says of its labels."""

from collections.abc import Sequence
from typing import Any

from epitaxy_models.compositions import Composition
from epitaxy_models.materials.kind import MaterialKind
from epitaxy_models.structures.elements import symbol_of
from epitaxy_models.structures.structure import Structure
from epitaxy_models.transfer.kinds.features import DESCRIPTOR_VERSIONS
from epitaxy_models.transfer.kinds.sample import Sample

AVERAGE_COMPOSITION = "average_composition"
# Of an average composition; a part of a million is what keys resolve.
_DIGITS = 6


def kind_facts(kind: MaterialKind, rows: Sequence[Structure]) -> dict[str, Any]:
    """Kind, version of the descriptors, and of compositions their average; nothing of crystals."""
    if kind is MaterialKind.STRUCTURE:
        return {}
    facts = {"kind": kind.value, "material_descriptors": DESCRIPTOR_VERSIONS[kind]}
    compositions = [row.material for row in rows if isinstance(row, Sample) and isinstance(row.material, Composition)]
    return facts | ({AVERAGE_COMPOSITION: average_of(compositions)} if compositions else {})


def average_of(compositions: Sequence[Composition]) -> dict[str, float]:
    """Mean share of the atoms of each element, by symbol; explanations compare elements with it."""
    totals: dict[int, float] = {}
    for composition in compositions:
        for z, share in zip(composition.atomic_numbers, composition.fractions.tolist(), strict=True):
            totals[z] = totals.get(z, 0.0) + share / len(compositions)
    return {symbol_of(z): round(share, _DIGITS) for z, share in sorted(totals.items())}
