"""Audit of a tenant's structures before training: how they lie to the source corpus, and what to expect of transfer."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.verdict import DomainVerdict
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.source_index.index import N_NEIGHBOURS, SourceIndex, corpus_distances
from epitaxy_models.source_index.materials import prototype_of, space_groups_of
from epitaxy_models.source_index.vector_index import Neighbours, VectorIndex
from epitaxy_models.structures.elements import symbol_of
from epitaxy_models.transfer.audit.probe import Probe, probe, probe_errors
from epitaxy_models.transfer.contest.extrapolation import CurveErrors, Extrapolation, LabelsNeeded
from epitaxy_models.transfer.inputs import EMBEDDING, TransferInputs
from epitaxy_models.transfer.labels.censoring import Side, sides_of
from epitaxy_models.transfer.splits import few_label_draws
from epitaxy_models.transfer.verdict import Verdict

# As in the domain score of served predictions.
_BORDERLINE, _OUTSIDE = 0.95, 0.99
_FAMILIAR_COUNT = 20
# Shares of the labels at which errors are measured, and draws of each.
_SHARES, _N_DRAWS = (0.2, 0.3, 0.45, 0.6, 0.8), 8
_N_CURVE_MIN = 8


@dataclass(frozen=True, slots=True)
class NearMaterial:
    """A source material near to a structure; ``distance`` in the latent space of the index."""

    id: str
    formula: str
    space_group: int
    distance: float
    labels: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class AuditedStructure:
    """One structure against the corpus.

    Attributes:
        id: Its name.
        formula: Reduced.
        nearest: Source materials, nearest first.
        distance: Mean distance to these.
        percentile: Share of held-out source structures that lie nearer to the corpus, 0 to 1.
        domain: The percentile against its thresholds, or the elements where one is hardly known.
        rare_elements: Symbols in fewer than 20 source materials.
        prototype: Anonymous formula and space group, ``"A3BC:221"``.
        n_of_prototype: Source materials of it.
    """

    id: str
    formula: str
    nearest: tuple[NearMaterial, ...]
    distance: float
    percentile: float
    domain: DomainVerdict
    rare_elements: tuple[str, ...]
    prototype: str
    n_of_prototype: int


@dataclass(frozen=True, slots=True)
class ElementCoverage:
    """One element: structures that hold it here and in the corpus."""

    symbol: str
    n_structures: int
    n_source: int


@dataclass(frozen=True, slots=True, eq=False)
class TransferAudit:
    """What is known before any training.

    Attributes:
        structures: The audited structures, in the order given.
        elements: Coverage of each element, by symbol.
        forecast_basis: The quick look that the forecast rests on.
        curve: Errors that the quick look extrapolates to more labels, None if there are too few labels for it.
        needed: Labels for each target error asked for.
        coordinates: Positions in the two leading directions of the index, float32 ``[n_structures, 2]``.
    """

    structures: tuple[AuditedStructure, ...]
    elements: tuple[ElementCoverage, ...]
    forecast_basis: Probe
    curve: Extrapolation | None
    needed: tuple[LabelsNeeded, ...]
    coordinates: NDArray[np.float32]

    @property
    def forecast(self) -> Verdict:
        """What the comparison of strategies will likely say of the substrate."""
        return self.forecast_basis.forecast

    @property
    def median_percentile(self) -> float:
        """Distance of the whole set: half for structures like held-out ones of the corpus, one far outside."""
        return float(np.median([structure.percentile for structure in self.structures]))

    @property
    def share_outside(self) -> float:
        """Share of structures that are not in domain."""
        return float(np.mean([structure.domain is not DomainVerdict.IN_DOMAIN for structure in self.structures]))

    @property
    def share_of_known_prototypes(self) -> float:
        """Share of structures whose prototype the corpus holds."""
        return float(np.mean([structure.n_of_prototype > 0 for structure in self.structures]))

    @property
    def statements(self) -> tuple[str, ...]:
        """What was found, a sentence each."""
        rare = [f"{entry.symbol} (in {entry.n_source})" for entry in self.elements if entry.n_source < _FAMILIAR_COUNT]
        basis = self.forecast_basis
        found = (
            f"Half of the structures lie farther from the source corpus than {100 * self.median_percentile:.0f} % of "
            f"held-out source structures; {100 * self.share_outside:.0f} % lie outside its domain.",
            f"The corpus holds the prototype of {100 * self.share_of_known_prototypes:.0f} % of the structures.",
            f"Elements that the corpus hardly holds: {', '.join(rare)}."
            if rare
            else "All elements are well represented.",
            f"{_FORECASTS[self.forecast]}: if each label is left out in turn, it is predicted with an error of "
            f"{basis.transfer_error:.3g} with the substrate and {basis.descriptor_error:.3g} without. The rank "
            f"correlation of the labels with the substrate's predictions is {basis.correlation:.2f}.",
            *(map(_needed_text, self.needed)),
        )
        return tuple(found)

    def as_json(self) -> dict[str, Any]:
        """Plain containers, ready for ``json.dump``."""
        return {
            "forecast": str(self.forecast),
            "forecast_basis": asdict(self.forecast_basis) | {"evidence": self.forecast_basis.evidence},
            "median_percentile": self.median_percentile,
            "share_outside": self.share_outside,
            "share_of_known_prototypes": self.share_of_known_prototypes,
            "statements": list(self.statements),
            "elements": [asdict(entry) for entry in self.elements],
            "structures": [asdict(structure) for structure in self.structures],
            "curve": self.curve.as_json() if self.curve else None,
            "needed": [asdict(entry) for entry in self.needed],
            "coordinates": self.coordinates.tolist(),
        }


_FORECASTS = {
    Verdict.HELPS: "The substrate will likely help",
    Verdict.NEUTRAL: "The substrate will likely make little difference",
    Verdict.HURTS: "The substrate alone may mislead",
}


def audit_transfer(
    index: SourceIndex,
    vectors: VectorIndex,
    ids: Sequence[str],
    inputs: TransferInputs,
    labels: NDArray[np.float64],
    target_errors: Sequence[float] = (),
    seed: int = 0,
) -> TransferAudit:
    """Audits structures with their labels; a few milliseconds each, most of it for their symmetry.

    Args:
        index: Source index of the model whose embeddings ``inputs`` holds.
        vectors: Filled from the index.
        ids: Names of the structures.
        inputs: With the blocks ``descriptors``, ``embedding`` and ``substrate_predictions``.
        labels: On the scale that will be learned, finite, ``[n_rows]``.
        target_errors: Mean absolute errors, on that scale, for which to estimate the labels needed.
        seed: Seed of the draws.

    Raises ConfigurationError (WRONG_LENGTH, TOO_FEW_LABELS, WRONG_EMBEDDINGS, INVALID_TARGET).
    """
    _check(ids, inputs, labels)
    coordinates = index.coordinates(inputs.blocks[EMBEDDING].reshape(inputs.n_rows, 1, -1).astype(np.float32))
    neighbours = vectors.search(coordinates, N_NEIGHBOURS)
    curve = _curve(inputs, labels, seed)
    return TransferAudit(
        structures=_structures(index, ids, inputs, neighbours),
        elements=_elements(index, inputs),
        forecast_basis=_probe(inputs, labels),
        curve=curve,
        needed=tuple(curve.labels_for(target) for target in target_errors) if curve else (),
        coordinates=coordinates[:, :2],
    )


def _probe(inputs: TransferInputs, labels: NDArray[np.float64]) -> Probe:
    """A quick look at the labels that are values; bounds would be followed as if they were."""
    valued = np.flatnonzero(sides_of(inputs.sides, len(labels)) == Side.AT)
    return probe(inputs.take(valued).blocks, labels[valued])


def _check(ids: Sequence[str], inputs: TransferInputs, labels: NDArray[np.float64]) -> None:
    if len(ids) != inputs.n_rows or labels.shape != (inputs.n_rows,):
        raise ConfigurationError(
            f"{len(ids)} names and labels {list(labels.shape)} for {inputs.n_rows} structures", reason="WRONG_LENGTH"
        )
    if inputs.n_rows < 3:
        raise ConfigurationError(
            f"an audit needs three structures or more, got {inputs.n_rows}", reason="TOO_FEW_LABELS"
        )


def _structures(
    index: SourceIndex, ids: Sequence[str], inputs: TransferInputs, neighbours: Neighbours
) -> tuple[AuditedStructure, ...]:
    distances = corpus_distances(neighbours)
    percentiles = index.percentiles(distances)
    counts = index.materials.element_counts
    space_groups = space_groups_of(inputs.structures).tolist()
    audited = []
    for row, (name, structure) in enumerate(zip(ids, inputs.structures, strict=True)):
        numbers = np.unique(structure.atomic_numbers)
        rare = tuple(symbol_of(int(z)) for z in numbers if counts[z] < _FAMILIAR_COUNT)
        prototype = prototype_of(inputs.formulas[row], space_groups[row])
        audited.append(
            AuditedStructure(
                id=name,
                formula=inputs.formulas[row],
                nearest=_nearest(index, neighbours, row),
                distance=float(distances[row]),
                percentile=float(percentiles[row]),
                domain=DomainVerdict.OUT_OF_DOMAIN if rare else _domain(float(percentiles[row])),
                rare_elements=rare,
                prototype=prototype,
                n_of_prototype=index.materials.prototype_counts[prototype],
            )
        )
    return tuple(audited)


def _nearest(index: SourceIndex, neighbours: Neighbours, row: int) -> tuple[NearMaterial, ...]:
    pairs = zip(neighbours.ids[row].tolist(), neighbours.distances[row].tolist(), strict=True)
    found = ((index.material(material), distance) for material, distance in pairs)
    return tuple(NearMaterial(m.id, m.formula, m.space_group, distance, m.labels) for m, distance in found)


def _domain(percentile: float) -> DomainVerdict:
    if percentile < _BORDERLINE:
        return DomainVerdict.IN_DOMAIN
    return DomainVerdict.OUT_OF_DOMAIN if percentile >= _OUTSIDE else DomainVerdict.BORDERLINE


def _elements(index: SourceIndex, inputs: TransferInputs) -> tuple[ElementCoverage, ...]:
    counts = Counter(int(z) for structure in inputs.structures for z in np.unique(structure.atomic_numbers))
    found = (ElementCoverage(symbol_of(z), n, int(index.materials.element_counts[z])) for z, n in counts.items())
    return tuple(sorted(found, key=lambda entry: entry.symbol))


def _curve(inputs: TransferInputs, labels: NDArray[np.float64], seed: int) -> Extrapolation | None:
    """Errors at parts of the labels, drawn on; None if there are too few labels or formulas for three parts."""
    points = []
    for n_labels in sorted({int(share * inputs.n_rows) for share in _SHARES}):
        try:
            draws = few_label_draws(inputs.formulas, n_labels, _N_DRAWS, seed) if n_labels >= _N_CURVE_MIN else ()
        except ConfigurationError:  # a few large formulas: no rows of others
            draws = ()
        if draws:
            errors = [probe_errors(inputs.blocks, labels, draw.train, draw.test).mean() for draw in draws]
            points.append(CurveErrors(n_labels, np.array(errors)))
    return Extrapolation.fit(points, seed) if len(points) >= 3 else None


def _needed_text(needed: LabelsNeeded) -> str:
    goal = f"A mean error of {needed.target_error:.3g}"
    if needed.is_reached:
        return f"{goal} is within reach of the labels at hand."
    if needed.n_labels is None:
        return f"{goal} is out of reach: it would take over a hundred times the labels at hand, or better inputs."
    high = f"{needed.high}" if needed.high is not None else "far more"
    return f"{goal} takes about {needed.n_labels} labels ({needed.low} to {high})."
