"""What is known of a job's rows before any training: usable rows, their inputs, how they lie to the source."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.errors import (
    CheckpointError,
    ConfigurationError,
    InvalidStructureError,
    UnsupportedElementError,
)
from epitaxy_models.source_index.faiss_index import FaissIndex
from epitaxy_models.source_index.index import SourceIndex
from epitaxy_models.source_index.storage import FILE_NAME, load_source_index
from epitaxy_models.source_index.vector_index import VectorIndex
from epitaxy_models.transfer.audit.against_source import AuditedStructure, TransferAudit, audit_transfer
from epitaxy_models.transfer.audit.head_alone import worth_of_head
from epitaxy_models.transfer.conditions.condition import Condition, Values
from epitaxy_models.transfer.features import SubstrateFeatures, under_conditions
from epitaxy_models.transfer.fidelities.filling import Filling
from epitaxy_models.transfer.fidelities.learning import learn_filling
from epitaxy_models.transfer.inputs import TransferInputs
from epitaxy_models.transfer.labels.check import CheckedLabels, check_labels
from epitaxy_models.transfer.labels.findings import DataCheck
from epitaxy_models.transfer.labels.references import SubstrateReferences
from epitaxy_models.transfer.labels.suspicion import SuspicionKind, SuspiciousLabel
from epitaxy_models.transfer.labels.target import TargetTransform, TransformKind
from epitaxy_models.transfer.peers import peer_blocks
from epitaxy_models.transfer.records import (
    AuditSection,
    DataSection,
    LatentMap,
    NeighbourRow,
    RefusedRow,
    SuspiciousRow,
)
from epitaxy_models.transfer.request import TransferRequest

_ROWS_AT_ONCE = 32
# Farthest structures in the report, nearest materials of each, source materials in the map.
_N_FARTHEST, _N_NEAREST, _N_MAP_POINTS = 12, 3, 1500
OpenVectors = Callable[[SourceIndex], VectorIndex]
NO_AUDIT = AuditSection("", (), (), None)


@dataclass(frozen=True, slots=True, eq=False)
class Examination:
    """Rows that can be learned from.

    Attributes:
        rows: Their positions in the request, ``[n_usable]``.
        row_ids: Their names.
        inputs: Their inputs.
        labels: Labels in the property's unit, ``[n_usable]``.
        transform: Scale that is learned.
        targets: The labels on it.
        data: The data check for the report.
        audit: The audit for the report.
        suspicious: What is odd among the labels, the gravest first.
        replicate_std: Spread of labels of one crystal, on the scale that is learned; 0 where none is repeated.
        conditions: What the labels say of conditions.
        filling: Models of the cheaper columns; None without such columns.
    """

    rows: NDArray[np.int64]
    row_ids: tuple[str, ...]
    inputs: TransferInputs
    labels: NDArray[np.float64]
    transform: TargetTransform
    targets: NDArray[np.float64]
    data: DataSection
    audit: AuditSection
    suspicious: tuple[SuspiciousLabel, ...] = ()
    replicate_std: float = 0.0
    conditions: tuple[Condition, ...] = ()
    filling: Filling | None = None

    @property
    def gross(self) -> tuple[SuspiciousLabel, ...]:
        """Gross errors that the owner of the labels accepts."""
        return tuple(entry for entry in self.suspicious if entry.kind.is_gross)


def in_process(source: SourceIndex) -> VectorIndex:
    """The source's vectors in memory, searched by FAISS."""
    vectors = FaissIndex(source.n_directions)
    source.fill(vectors)
    return vectors


def examine(
    request: TransferRequest,
    artifact: ModelArtifact,
    features: SubstrateFeatures,
    embedder: Embedder,
    open_vectors: OpenVectors = in_process,
) -> Examination:
    """Checks rows and labels, embeds what is usable, and looks where it lies in the source.

    ``open_vectors`` gives an index that holds the source's vectors. Raises ConfigurationError where the labels make no
    model, SuspiciousLabelsError where they hold gross errors that nobody accepted.
    """
    source = _source_index(request, artifact)
    checked = check_labels(
        request.rows,
        request.labels,
        request.definition.unit,
        artifact.card.crystal_rule,
        source.materials if source else None,
        SubstrateReferences(artifact, embedder),
        request.transform,
        request.readings,
        [column.values for column in request.conditions.values()],
        request.sides,
        are_classes=request.are_classes,
    )
    if checked.check.n_missing:
        _refuse_few(request, artifact, features, embedder, checked)
    checked.check.require_learnable(accept_suspicious=request.accept_suspicious)
    checked = _without_wild(checked, request.transform)
    columns = {name: column.values[checked.rows] for name, column in request.low_fidelity.items()}
    starts = range(0, len(checked.graphs), _ROWS_AT_ONCE)
    embeddings = np.concatenate([embedder(checked.graphs[start : start + _ROWS_AT_ONCE]) for start in starts])
    inputs = features.inputs_from(checked.structures, checked.graphs, embeddings, columns)
    names = tuple(request.rows[row][0] for row in checked.rows)
    inputs = replace(inputs, blocks={**inputs.blocks, **_peer_blocks(request.peers, names, inputs)})
    filling = learn_filling(request, inputs, checked.rows, features, embedder, artifact)
    inputs = filling.fill(inputs) if filling else inputs
    conditions, values = learned_conditions(request, checked.rows)
    inputs = under_conditions(inputs, conditions, values)
    if checked.sides.any():
        inputs = replace(inputs, sides=checked.sides)
    transform = checked.transform or TargetTransform.fit_withstanding(request.transform, checked.labels)
    targets = transform.forward(checked.labels)
    audit = _audit(source, open_vectors(source), names, inputs, targets, request) if source else NO_AUDIT
    data = data_section(checked.check)
    noise = noise_on_scale(checked.replicate_std, checked.labels, transform)
    return Examination(
        checked.rows, names, inputs, checked.labels, transform, targets, data, audit, checked.check.suspicious, noise,
        conditions, filling,
    )  # fmt: skip


def learned_conditions(
    request: TransferRequest, rows: NDArray[np.int64]
) -> tuple[tuple[Condition, ...], dict[str, Values]]:
    """What the usable rows say of each condition, and its values."""
    values = {name: column.values[rows] for name, column in request.conditions.items()}
    learned = [Condition.learned(name, values[name], column.unit) for name, column in request.conditions.items()]
    return tuple(learned), values


def _refuse_few(
    request: TransferRequest,
    artifact: ModelArtifact,
    features: SubstrateFeatures,
    embedder: Embedder,
    checked: CheckedLabels,
) -> None:
    """Raises what too few labels raise, with what a head of the substrate is worth without any of them."""
    try:
        checked.check.require_enough()
    except ConfigurationError as error:
        inputs = features.inputs_of(checked.structures, embedder) if checked.structures else None
        worth = worth_of_head(artifact, request.definition, inputs, checked.labels)
        if not worth:
            raise
        raise ConfigurationError(f"{error.message}; {worth}", reason=error.reason) from error


def _without_wild(checked: CheckedLabels, transform: str) -> CheckedLabels:
    """The labels without those that no natural spread explains: every strategy would follow them."""
    wild = {entry.row for entry in checked.check.suspicious if entry.kind is SuspicionKind.WILD}
    if not wild:
        return checked
    kept = [place for place, row in enumerate(checked.rows.tolist()) if row not in wild]
    labels = checked.labels[kept]
    return replace(
        checked,
        rows=checked.rows[kept],
        structures=tuple(checked.structures[place] for place in kept),
        graphs=tuple(checked.graphs[place] for place in kept),
        labels=labels,
        sides=checked.sides[kept],
        transform=TargetTransform.fit_withstanding(transform, labels),
    )


def noise_on_scale(std: float, labels: NDArray[np.float64], transform: TargetTransform) -> float:
    """A spread in the labels' unit on the scale that is learned, as it is at the median label."""
    if transform.kind is TransformKind.NONE:
        return std
    centre = float(np.median(labels))
    low, high = transform.forward(np.array([centre, centre + std]))
    return float(high - low)


def _peer_blocks(peers: Sequence[str], names: Sequence[str], inputs: TransferInputs) -> dict[str, NDArray[np.float64]]:
    """Row by row, so that the row that a peer cannot read is named."""
    rows = []
    for name, structure in zip(names, inputs.structures, strict=True) if peers else ():
        try:
            rows.append(peer_blocks(peers, [structure]))
        except (UnsupportedElementError, InvalidStructureError) as error:
            raise ConfigurationError(f"{name}: {error.message}", reason=error.reason) from error
    return {block: np.concatenate([row[block] for row in rows]) for block in (rows[0] if rows else ())}


def _audit(
    source: SourceIndex,
    vectors: VectorIndex,
    names: tuple[str, ...],
    inputs: TransferInputs,
    targets: NDArray[np.float64],
    request: TransferRequest,
) -> AuditSection:
    found = audit_transfer(source, vectors, names, inputs, targets, request.target_errors, request.seed)
    farthest = sorted(found.structures, key=lambda structure: -structure.distance)[:_N_FARTHEST]
    return AuditSection(
        str(found.forecast),
        found.statements,
        tuple(_neighbours(structure) for structure in farthest),
        _latent_map(source, found),
        found.as_json(),
    )


def _neighbours(structure: AuditedStructure) -> NeighbourRow:
    nearest = tuple((f"{entry.formula} ({entry.id})", entry.distance) for entry in structure.nearest[:_N_NEAREST])
    return NeighbourRow(structure.id, structure.formula, nearest)


def _latent_map(source: SourceIndex, audit: TransferAudit) -> LatentMap:
    """The index's coordinates are principal directions of the source already."""
    step = max(1, source.n_materials // _N_MAP_POINTS)
    vectors = source.quantised.vectors()
    variances = vectors.var(axis=0)
    cloud, target = vectors[::step, :2].tolist(), audit.coordinates.tolist()
    return LatentMap(
        source=tuple((x, y) for x, y in cloud),
        target=tuple((x, y) for x, y in target),
        target_names=tuple(f"{structure.id} {structure.formula}" for structure in audit.structures),
        explained=float(variances[:2].sum() / variances.sum()),
    )


def _source_index(request: TransferRequest, artifact: ModelArtifact) -> SourceIndex | None:
    """None if the base has no index: a model of the user's own may lack one."""
    try:
        return load_source_index(request.base / FILE_NAME, artifact.weights_digest)
    except CheckpointError as error:
        if error.reason == "SOURCE_INDEX_MISSING":
            return None
        raise


def data_section(check: DataCheck) -> DataSection:
    """The data check for the report."""
    refused = tuple(RefusedRow(entry.id, entry.message) for entry in check.refused)
    odd = tuple(
        SuspiciousRow(entry.row, entry.id, entry.value, str(entry.kind), entry.message) for entry in check.suspicious
    )
    return DataSection(check.n_rows, check.n_usable, check.n_merged, refused, check.warnings, check.as_json(), odd)
