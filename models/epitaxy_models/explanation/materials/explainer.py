"""Explanations of single materials without a crystal, by a shared substrate or a tenant's model."""

from collections.abc import Mapping, Sequence

from epitaxy_models.compositions import Composition
from epitaxy_models.explanation.explanation import NearestMaterial, Spread
from epitaxy_models.explanation.materials.chemistry import BASELINE_WORDS, PartedChemistry, elements_of
from epitaxy_models.explanation.materials.drawing import drawing_of
from epitaxy_models.explanation.materials.explanation import ConditionShare, MaterialExplanation
from epitaxy_models.explanation.materials.game import share_out
from epitaxy_models.explanation.materials.mixture import PartedComposition
from epitaxy_models.explanation.materials.question import Answers, Stated
from epitaxy_models.materials.kind import MaterialKind
from epitaxy_models.molecules import Molecule
from epitaxy_models.polymers import Polymer
from epitaxy_models.structures.elements import symbol_of
from epitaxy_models.transfer.conditions.condition import Condition

_SHOWN_ELEMENTS = 8


def explain_chemistry(
    material: Molecule | Polymer,
    answers: Answers,
    stated: Stated,
    conditions: Sequence[Condition] = (),
    nearest: tuple[NearestMaterial, ...] = (),
) -> MaterialExplanation:
    """By atom, bond and condition. Raises InvalidMaterialError (TOO_LARGE_TO_EXPLAIN)."""
    parted = PartedChemistry(material)
    found = share_out(parted, stated, answers)
    atoms, bonds = parted.atoms(found.parts), parted.bonds(found.parts)
    return MaterialExplanation(
        kind=MaterialKind.MOLECULE if isinstance(material, Molecule) else MaterialKind.POLYMER,
        formula=material.formula,
        value=found.value,
        baseline=found.baseline,
        baseline_material=parted.bare.formula,
        baseline_words=_with_conditions(BASELINE_WORDS, stated),
        method=found.method,
        completeness_error=found.completeness_error,
        sampling_error=found.sampling_error,
        atoms=atoms,
        bonds=bonds,
        elements=elements_of(atoms),
        conditions=_condition_shares(conditions, stated, found.conditions),
        faithfulness=found.faithfulness,
        nearest=nearest,
        drawing=drawing_of(parted, atoms, bonds),
    )


def explain_composition(
    material: Composition,
    answers: Answers,
    stated: Stated,
    average: Mapping[int, float],
    of_what: str,
    conditions: Sequence[Condition] = (),
    nearest: tuple[NearestMaterial, ...] = (),
) -> MaterialExplanation:
    """By element and condition.

    Args:
        material: The composition.
        answers: Of the model.
        stated: Its conditions.
        average: The composition that elements are compared with, shares by atomic number.
        of_what: Whose average it is.
        conditions: What the model knows of conditions.
        nearest: Similar known materials.
    """
    parted = PartedComposition(material, average)
    found = share_out(parted, stated, answers)
    return MaterialExplanation(
        kind=MaterialKind.COMPOSITION,
        formula=material.formula,
        value=found.value,
        baseline=found.baseline,
        baseline_material=_shortened(parted.average),
        baseline_words=_with_conditions(f"the average composition of {of_what}", stated),
        method=found.method,
        completeness_error=found.completeness_error,
        sampling_error=found.sampling_error,
        atoms=(),
        bonds=(),
        elements=parted.elements(found.parts),
        conditions=_condition_shares(conditions, stated, found.conditions),
        faithfulness=found.faithfulness,
        nearest=nearest,
    )


def _with_conditions(words: str, stated: Stated) -> str:
    return f"{words}; {', '.join(stated)} not stated" if stated else words


def _condition_shares(
    conditions: Sequence[Condition], stated: Stated, shares: Sequence[Spread]
) -> tuple[ConditionShare, ...]:
    units = {condition.name: condition.unit for condition in conditions}
    return tuple(
        ConditionShare(name, value if isinstance(value, str) else f"{value:.6g}", units.get(name, ""), share)
        for (name, value), share in zip(stated.items(), shares, strict=True)
    )


def _shortened(average: Composition) -> str:
    """The largest shares of a composition of many elements, in atomic per cent."""
    ranked = sorted(zip(average.fractions.tolist(), average.atomic_numbers, strict=True), reverse=True)
    shown = " ".join(f"{symbol_of(z)}{100 * share:.3g}" for share, z in ranked[:_SHOWN_ELEMENTS])
    rest = len(ranked) - _SHOWN_ELEMENTS
    return f"{shown} and {rest} more" if rest > 0 else shown
