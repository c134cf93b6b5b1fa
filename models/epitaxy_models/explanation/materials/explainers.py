"""Explanations by substrates and by tenants' models, of every kind of material without a crystal."""

from collections.abc import Mapping, Sequence
from functools import cache

from epitaxy_models.compositions import Composition
from epitaxy_models.errors import CheckpointError
from epitaxy_models.explanation.explanation import NearestMaterial
from epitaxy_models.explanation.materials.answers import SubstrateAnswers, TenantAnswers
from epitaxy_models.explanation.materials.explainer import explain_chemistry, explain_composition
from epitaxy_models.explanation.materials.explanation import MaterialExplanation
from epitaxy_models.explanation.materials.nearest import NearestCompositions, nearest_anchors
from epitaxy_models.explanation.materials.question import Answers, Stated
from epitaxy_models.structures.elements import atomic_number_of
from epitaxy_models.substrates.compositional import CompositionSubstrate
from epitaxy_models.substrates.material_catalogue import AnyMaterialSubstrate
from epitaxy_models.transfer.conditions.condition import Condition
from epitaxy_models.transfer.fitted.model import TransferModel
from epitaxy_models.transfer.kinds.facts import AVERAGE_COMPOSITION
from epitaxy_models.transfer.kinds.features import MaterialFeatures
from epitaxy_models.transfer.kinds.sample import Sample

# Elements of an average composition, the most frequent ones: the network's cost grows with their number squared.
_MOST_ELEMENTS = 16


def explain_by_substrate(
    sample: Sample, name: str, n_nearest: int, substrate: AnyMaterialSubstrate
) -> MaterialExplanation:
    """Of one property of a substrate that answers its kind.

    Raises UnknownPropertyError, InvalidMaterialError (TOO_LARGE_TO_EXPLAIN), UnsupportedElementError.
    """
    material, answers = sample.material, SubstrateAnswers(substrate, name)
    near = _nearest(sample, substrate, n_nearest)
    if not isinstance(substrate, CompositionSubstrate) or not isinstance(material, Composition):
        return _of_chemistry(sample, answers, {}, (), near)
    counts = {z: float(count) for z, count in enumerate(substrate.element_counts.tolist()) if z and count}
    average = most_frequent(counts)
    of_what = f"the pretraining data ({len(average)} most frequent elements)"
    return explain_composition(material, answers, {}, average, of_what, nearest=near)


def explain_by_model(
    sample: Sample, stated: Stated, model: TransferModel, n_nearest: int, substrate: AnyMaterialSubstrate
) -> MaterialExplanation:
    """Of a tenant's model on its substrate, under stated conditions, in the model's units. Raises as the other."""
    material, conditions = sample.material, model.card.conditions
    known = {condition.name: stated[condition.name] for condition in conditions if condition.name in stated}
    answers = TenantAnswers(model, MaterialFeatures.over(sample.kind, substrate))
    near = _nearest(sample, substrate, n_nearest)
    if not isinstance(material, Composition):
        return _of_chemistry(sample, answers, known, conditions, near)
    average = most_frequent(_labels_average(model))
    return explain_composition(material, answers, known, average, "the labels", conditions, near)


def most_frequent(shares: Mapping[int, float]) -> dict[int, float]:
    """The largest shares of an average composition."""
    ranked = sorted(shares.items(), key=lambda entry: (-entry[1], entry[0]))
    return dict(ranked[:_MOST_ELEMENTS])


def _labels_average(model: TransferModel) -> dict[int, float]:
    """Of the labels; of models that were fitted before cards had it, from how many labels hold each element."""
    named = model.card.training.get(AVERAGE_COMPOSITION, {})
    shares = {z: float(share) for symbol, share in named.items() if (z := atomic_number_of(symbol)) and share > 0}
    return shares or {z: float(count) for z, count in enumerate(model.domain.element_counts.tolist()) if z and count}


def _of_chemistry(
    sample: Sample,
    answers: Answers,
    stated: Stated,
    conditions: Sequence[Condition],
    nearest: tuple[NearestMaterial, ...],
) -> MaterialExplanation:
    material = sample.material
    if isinstance(material, Composition):
        raise TypeError(f"the substrate explains no {sample.kind.value}")
    return explain_chemistry(material, answers, stated, conditions, nearest)


def _nearest(sample: Sample, substrate: AnyMaterialSubstrate, count: int) -> tuple[NearestMaterial, ...]:
    if isinstance(sample.material, Composition):
        search = _search()
        return search(sample.material, count) if search is not None else ()
    return nearest_anchors(sample.material, substrate, count)


@cache
def _search() -> NearestCompositions | None:
    try:
        return NearestCompositions.shipped()
    except (CheckpointError, FileNotFoundError):
        return None
