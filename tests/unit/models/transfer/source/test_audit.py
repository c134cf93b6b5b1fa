"""What the audit says before training: nearest materials, coverage, a forecast, labels needed."""

import json

import numpy as np
import pytest

from epitaxy_models.calibration.verdict import DomainVerdict
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.graphs.graph import CrystalGraph, build_graph
from epitaxy_models.source_index import FaissIndex, SourceIndex
from epitaxy_models.structures import Structure
from epitaxy_models.testing.equivalent_cells import repeated
from epitaxy_models.transfer.audit.against_source import TransferAudit, audit_transfer
from epitaxy_models.transfer.audit.probe import probe
from epitaxy_models.transfer.contest.extrapolation import CurveErrors, Extrapolation, PowerLaw
from epitaxy_models.transfer.inputs import DESCRIPTORS, EMBEDDING, SUBSTRATE, TransferInputs
from epitaxy_models.transfer.verdict import Verdict

N = 60


@pytest.fixture(scope="session")
def inputs(artifact: ModelArtifact, crystals: list[Structure], graphs: list[CrystalGraph]) -> TransferInputs:
    """A doubled cell of the corpus, then crystals from beyond it; descriptors that say nothing."""
    chosen = [repeated(crystals[0], (1, 1, 2)), *crystals[200 : 200 + N - 1]]
    embedded = Embedder(artifact)([build_graph(crystal) for crystal in chosen]).reshape(N, -1).astype(np.float64)
    blocks = {
        DESCRIPTORS: np.random.default_rng(0).normal(size=(N, 5)),
        EMBEDDING: embedded,
        SUBSTRATE: embedded @ np.random.default_rng(1).normal(size=(embedded.shape[1], 2)),
    }
    return TransferInputs(tuple(chosen), tuple(graphs[:1] * N), blocks)


@pytest.fixture(scope="session")
def names() -> list[str]:
    return [f"r{row}" for row in range(N)]


@pytest.fixture(scope="session")
def audit(index: SourceIndex, vectors: FaissIndex, inputs: TransferInputs, names: list[str]) -> TransferAudit:
    """Of labels that are the substrate's own prediction."""
    return audit_transfer(index, vectors, names, inputs, inputs.blocks[SUBSTRATE][:, 0], (1e3, 1e-12))


def test_each_structure_is_told_its_nearest_materials(audit: TransferAudit, index: SourceIndex) -> None:
    first = audit.structures[0]
    assert (first.id, first.nearest[0].id) == ("r0", "mp-0")
    assert first.nearest[0].labels == {"formation_energy": -3.0, "band_gap": 0.0}
    assert [len(structure.nearest) for structure in audit.structures] == [5] * N
    for structure in audit.structures:
        distances = [material.distance for material in structure.nearest]
        assert distances == sorted(distances)
        assert structure.distance == pytest.approx(np.mean(distances))
        assert structure.percentile == index.percentiles(np.array([structure.distance]))[0]


def test_a_crystal_of_the_corpus_has_a_known_prototype(audit: TransferAudit) -> None:
    assert audit.structures[0].n_of_prototype >= 1
    assert 0 < audit.share_of_known_prototypes <= 1


def test_elements_are_counted_here_and_there(audit: TransferAudit, index: SourceIndex, inputs: TransferInputs) -> None:
    oxygen = next(entry for entry in audit.elements if entry.symbol == "O")
    assert oxygen.n_structures == sum(8 in structure.atomic_numbers for structure in inputs.structures)
    assert oxygen.n_source == index.materials.element_counts[8]
    rare = {entry.symbol for entry in audit.elements if entry.n_source < 20}
    for structure in audit.structures:
        assert set(structure.rare_elements) <= rare
        assert not structure.rare_elements or structure.domain is DomainVerdict.OUT_OF_DOMAIN


def test_labels_that_follow_the_substrate_are_forecast_to_gain(audit: TransferAudit) -> None:
    assert audit.forecast is Verdict.HELPS
    assert audit.forecast_basis.correlation == pytest.approx(1)
    assert audit.forecast_basis.transfer_error < audit.forecast_basis.descriptor_error


def test_labels_that_follow_descriptors_alone_are_forecast_to_lose(inputs: TransferInputs) -> None:
    descriptors = inputs.blocks[DESCRIPTORS]
    random = np.random.default_rng(2)
    noise = {EMBEDDING: random.normal(size=(N, 30)), SUBSTRATE: random.normal(size=(N, 2))}
    found = probe({DESCRIPTORS: descriptors, **noise}, descriptors[:, 0] + descriptors[:, 1])
    assert found.forecast is Verdict.HURTS
    assert found.t_gain < 0


def test_constant_labels_forecast_nothing_good(inputs: TransferInputs) -> None:
    found = probe(inputs.blocks, np.ones(N))
    assert (found.t_gain, found.correlation) == (0.0, 0.0)
    assert found.forecast is Verdict.HURTS


def test_labels_needed_for_each_target_error(audit: TransferAudit) -> None:
    loose, strict = audit.needed
    assert loose.is_reached
    assert not strict.is_reached
    assert strict.n_labels is None
    assert any("within reach" in text for text in audit.statements)
    assert any("out of reach" in text for text in audit.statements)


def test_too_few_labels_draw_no_curve(
    index: SourceIndex, vectors: FaissIndex, inputs: TransferInputs, names: list[str]
) -> None:
    few = np.arange(12)
    audit = audit_transfer(index, vectors, names[:12], inputs.take(few), inputs.blocks[SUBSTRATE][few, 0], (0.1,))
    assert audit.curve is None
    assert audit.needed == ()
    assert audit.as_json()["curve"] is None


def test_an_audit_is_plain_json(audit: TransferAudit) -> None:
    record = json.loads(json.dumps(audit.as_json()))
    assert record["forecast"] == "HELPS"
    assert len(record["structures"]) == len(record["coordinates"]) == N
    assert record["structures"][0]["nearest"][0]["id"] == "mp-0"
    assert [entry["n_labels"] for entry in record["curve"]["expected"]] == [48, 96, 192]


def test_an_audit_does_not_depend_on_the_order_of_structures(
    audit: TransferAudit, index: SourceIndex, vectors: FaissIndex, inputs: TransferInputs, names: list[str]
) -> None:
    order = np.random.default_rng(3).permutation(N)
    labels = inputs.blocks[SUBSTRATE][order, 0]
    other = audit_transfer(index, vectors, [names[row] for row in order], inputs.take(order), labels)
    assert {s.id: s.nearest[0].id for s in other.structures} == {s.id: s.nearest[0].id for s in audit.structures}
    assert other.forecast_basis.t_gain == pytest.approx(audit.forecast_basis.t_gain, rel=1e-6)


def test_names_and_labels_must_match_the_structures(
    index: SourceIndex, vectors: FaissIndex, inputs: TransferInputs, names: list[str]
) -> None:
    with pytest.raises(ConfigurationError, match=r"59 names and labels \[60\] for 60 structures"):
        audit_transfer(index, vectors, names[1:], inputs, np.zeros(N))
    with pytest.raises(ConfigurationError, match="three structures or more, got 2"):
        audit_transfer(index, vectors, names[:2], inputs.take(np.arange(2)), np.zeros(2))


SIZES = (10, 20, 40, 80, 160)


def _curve(law: PowerLaw, noise: float, seed: int = 0) -> list[CurveErrors]:
    random = np.random.default_rng(seed)
    return [CurveErrors(n, law.error(n) * np.exp(noise * random.normal(size=8))) for n in SIZES]


def test_a_clean_curve_is_drawn_on_as_it_is() -> None:
    law = PowerLaw(2.0, 0.35, 0.0)
    found = Extrapolation.fit(_curve(law, 0.0))
    assert found.at(640).error == pytest.approx(law.error(640), rel=0.03)
    assert found.labels_for(law.error(640)).n_labels == pytest.approx(640, rel=0.12)


def test_a_floor_is_never_reached() -> None:
    found = Extrapolation.fit(_curve(PowerLaw(3.0, 0.9, 0.5), 0.0))
    assert found.law.floor > 0.3
    assert found.labels_for(0.2).n_labels is None
    assert found.labels_for(5.0).is_reached


def test_the_band_widens_with_the_scatter_and_holds_the_truth() -> None:
    law = PowerLaw(2.0, 0.35, 0.0)
    quiet, loud = (Extrapolation.fit(_curve(law, noise)).at(640) for noise in (0.02, 0.2))
    assert loud.high - loud.low > 3 * (quiet.high - quiet.low)
    bands = [Extrapolation.fit(_curve(law, 0.2, seed)).at(640) for seed in range(10)]
    held = [band.low <= law.error(640) <= band.high for band in bands]
    assert sum(held) >= 8
    needed = Extrapolation.fit(_curve(law, 0.1)).labels_for(law.error(400))
    assert needed.low is not None
    assert needed.n_labels is not None
    assert needed.low <= needed.n_labels


def test_two_sizes_or_no_error_are_refused() -> None:
    curve = _curve(PowerLaw(1.0, 0.3, 0.0), 0.0)
    with pytest.raises(ConfigurationError, match="three numbers of labels or more"):
        Extrapolation.fit(curve[:2])
    with pytest.raises(ConfigurationError, match="must be positive, got 0"):
        Extrapolation.fit(curve).labels_for(0.0)
