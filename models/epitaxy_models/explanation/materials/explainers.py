"""Explanations by the shipped substrates and by tenants' models, of every kind of material without a crystal."""

from collections.abc import Mapping
from functools import cache

from epitaxy_models.compositions import Composition
from epitaxy_models.errors import CheckpointError
from epitaxy_models.explanation.explanation import NearestMaterial
from epitaxy_models.explanation.materials.answers import SubstrateAnswers, TenantAnswers
from epitaxy_models.explanation.materials.explainer import explain_chemistry, explain_composition
from epitaxy_models.explanation.materials.explanation import MaterialExplanation
from epitaxy_models.explanation.materials.nearest import NearestCompositions
from epitaxy_models.explanation.materials.question import Stated
from epitaxy_models.structures.elements import atomic_number_of
from epitaxy_models.substrates.shipped import shipped_compositional, shipped_molecular
from epitaxy_models.transfer.fitted.model import TransferModel
from epitaxy_models.transfer.kinds.facts import AVERAGE_COMPOSITION
from epitaxy_models.transfer.kinds.features import MaterialFeatures
from epitaxy_models.transfer.kinds.sample import Sample

# Elements of an average composition, the most frequent ones: the network's cost grows with their number squared.
_MOST_ELEMENTS = 16


def explain_by_substrate(sample: Sample, name: str, n_nearest: int) -> MaterialExplanation:
    """Of one property of the substrate of its kind.

    Raises UnknownPropertyError, InvalidMaterialError (TOO_LARGE_TO_EXPLAIN), UnsupportedElementError.
    """
    material = sample.material
    if not isinstance(material, Composition):
        return explain_chemistry(material, SubstrateAnswers(shipped_molecular(), name), {})
    substrate = shipped_compositional()
    counts = {z: float(count) for z, count in enumerate(substrate.element_counts.tolist()) if z and count}
    answers, average = SubstrateAnswers(substrate, name), most_frequent(counts)
    of_what = f"the pretraining data ({len(average)} most frequent elements)"
    return explain_composition(material, answers, {}, average, of_what, nearest=_nearest(material, n_nearest))


def explain_by_model(sample: Sample, stated: Stated, model: TransferModel, n_nearest: int) -> MaterialExplanation:
    """Of a tenant's model under the conditions that are stated, in the model's units. Raises as the other."""
    material, conditions = sample.material, model.card.conditions
    known = {condition.name: stated[condition.name] for condition in conditions if condition.name in stated}
    answers = TenantAnswers(model, MaterialFeatures.shipped(sample.kind))
    if not isinstance(material, Composition):
        return explain_chemistry(material, answers, known, conditions)
    average, near = most_frequent(_labels_average(model)), _nearest(material, n_nearest)
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


def _nearest(material: Composition, count: int) -> tuple[NearestMaterial, ...]:
    search = _search() if count else None
    return search(material, count) if search is not None else ()


@cache
def _search() -> NearestCompositions | None:
    try:
        return NearestCompositions.shipped()
    except (CheckpointError, FileNotFoundError):
        return None
