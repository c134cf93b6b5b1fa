"""A job from rows to a judged, calibrated, restorable model, on real crystals with labels that are computed."""

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.data.synthetic_labels import nearest_neighbour_mean
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.errors import ConfigurationError, InvalidStructureError
from epitaxy_models.graphs.batch import collate
from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.source_index import (
    FaissIndex,
    SourceIndex,
    build_source_index,
    described_materials,
    save_source_index,
)
from epitaxy_models.structures.structure import Structure
from epitaxy_models.transfer.conditions.condition import ConditionColumn
from epitaxy_models.transfer.contest.cross_validation import StoppedError
from epitaxy_models.transfer.contest.field import Field, default_field
from epitaxy_models.transfer.features import SubstrateFeatures, under_conditions
from epitaxy_models.transfer.fitted.model import TransferModel
from epitaxy_models.transfer.inputs import TransferInputs
from epitaxy_models.transfer.pipeline import run_transfer
from epitaxy_models.transfer.request import (
    LowFidelityColumn,
    TransferBudget,
    TransferEvent,
    TransferOutcome,
    TransferRequest,
    TransferStage,
)
from epitaxy_models.transfer.strategies import BlockGP, EmbeddingRidge, PoolMedian, SubstrateHead
from epitaxy_models.transfer.strategies.anchored_forest import AnchoredForest
from epitaxy_models.transfer.strategy import FittedStrategy
from epitaxy_models.transfer.verdict import Verdict

# spglib announces another way to report errors; what is called here works with both.
pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")

DISTANCE = PropertyDefinition("distance", "Angstrom", Fidelity.EXPERIMENT, "measured", "d", lower_bound=0.0)
N = 40
# No trees: what is tested here is the job, not each strategy.
FIELD = Field((BlockGP(), EmbeddingRidge(), PoolMedian()))
QUICK = Field((EmbeddingRidge(), PoolMedian()))


@pytest.fixture(scope="module", autouse=True)
def single_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def structures() -> list[Structure]:
    """Crystals spread over the whole table, and some more to predict."""
    every = [crystal.structure for crystal in bundled_crystals()]
    order = np.random.default_rng(0).permutation(len(every))
    return [every[number] for number in order[: N + 30]]


@pytest.fixture(scope="module")
def labels(structures: list[Structure]) -> NDArray[np.float64]:
    return np.array([nearest_neighbour_mean(structure) for structure in structures])


@pytest.fixture(scope="module")
def base(structures: list[Structure], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped substrate with a small index, which holds the first structures of the job."""
    folder = tmp_path_factory.mktemp("base") / "substrate"
    shutil.copytree(shipped_model(), folder)
    artifact = load_artifact(folder)
    every = [*structures[:5], *(crystal.structure for crystal in bundled_crystals()[:60])]
    graphs = [build_graph(structure) for structure in every]
    rows, held_out = np.arange(55), np.arange(55, 65)
    materials = described_materials([f"source-{n}" for n in rows], every[:55], graphs[:55])
    labels = np.full((55, len(artifact.card.properties)), np.nan, dtype=np.float32)
    index = build_source_index(artifact, collate(graphs), rows, held_out, materials, labels)
    save_source_index(index, folder / "source-index.safetensors")
    return folder


@pytest.fixture(scope="module")
def request_(
    structures: list[Structure],
    labels: NDArray[np.float64],
    base: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> TransferRequest:
    rows = [(f"row-{number}", structure) for number, structure in enumerate(structures[:N])]
    out = tmp_path_factory.mktemp("job") / "out"
    return TransferRequest("distance", rows, labels[:N], DISTANCE, out, transform="none", base=base, seed=3)


@pytest.fixture(scope="module")
def events() -> list[TransferEvent]:
    return []


@pytest.fixture(scope="module")
def outcome(request_: TransferRequest, events: list[TransferEvent]) -> TransferOutcome:
    return run_transfer(request_, events.append, field=FIELD)


def _inputs(structures: list[Structure]) -> TransferInputs:
    artifact = load_artifact(shipped_model())
    return SubstrateFeatures(artifact).inputs_of(structures, Embedder(artifact))


def test_job_finds_that_transfer_helps_where_the_substrate_knows_the_answer(outcome: TransferOutcome) -> None:
    assert outcome.transfer_verdict is Verdict.HELPS
    assert outcome.chosen in {"block_gp", "stack", "embedding_ridge"}
    assert outcome.maes[outcome.chosen] < 0.5 * outcome.maes["pool_median"]
    assert "pretraining helps" in outcome.sentence


def test_saved_model_predicts_new_crystals_with_intervals_that_hold(
    outcome: TransferOutcome, structures: list[Structure], labels: NDArray[np.float64]
) -> None:
    model = TransferModel.load(outcome.model, load_artifact(shipped_model()).weights_digest)
    assert model.digest == outcome.digest
    predicted = model.predict(_inputs(structures[N:]), 0.9)
    errors = np.abs(predicted.values[:, 0] - labels[N:])
    assert errors.mean() < 2 * outcome.maes[outcome.chosen]
    is_covered = (predicted.lower[:, 0] <= labels[N:]) & (labels[N:] <= predicted.upper[:, 0])
    assert is_covered.mean() >= 0.75
    assert (predicted.lower >= 0).all()
    assert (predicted.epistemic_std > 0).all()


def test_report_holds_every_section_with_numbers_of_this_job(outcome: TransferOutcome) -> None:
    report = json.loads(outcome.report_json.read_text())
    assert report == json.loads(json.dumps(outcome.report))
    assert len(report["parity"]) == report["data"]["n_usable"] == N
    assert {row["name"] for row in report["strategies"]} == set(outcome.maes)
    curve = next(entry for entry in report["learning_curves"] if entry["strategy"] == "block_gp")
    assert [point["n_labels"] for point in curve["points"]] == sorted(
        {8, 16, 32} | {p["n_labels"] for p in curve["points"]}
    )
    assert sum(report["blocks"].values()) <= 1 + 1e-9
    assert report["worst"][0]["row_id"].startswith("row-")
    assert outcome.sentence in outcome.report_html.read_text()


def test_audit_names_the_source_materials_next_to_each_structure(outcome: TransferOutcome) -> None:
    audit = outcome.report["audit"]
    assert audit["forecast"] in set(Verdict)
    assert len(audit["latent_map"]["target"]) == N
    by_row = {entry["id"]: entry for entry in audit["details"]["structures"]}
    assert by_row["row-3"]["nearest"][0]["id"] == "source-3"
    assert by_row["row-3"]["nearest"][0]["distance"] < audit["neighbours"][0]["nearest"][0][1]
    assert "substrate was trained on" in " ".join(outcome.report["data"]["warnings"])


def test_the_source_is_searched_where_the_caller_says(request_: TransferRequest, tmp_path: Path) -> None:
    opened = []

    def elsewhere(source: SourceIndex) -> FaissIndex:
        opened.append(source.n_materials)
        vectors = FaissIndex(source.n_directions)
        source.fill(vectors)
        return vectors

    run_transfer(replace(request_, out=tmp_path / "out"), field=QUICK, open_vectors=elsewhere)
    assert opened == [55]


def test_base_without_an_index_is_not_audited(request_: TransferRequest, tmp_path: Path) -> None:
    base = tmp_path / "bare"
    base.mkdir()
    for name in ("card.json", "weights.safetensors"):
        shutil.copy(request_.base / name, base / name)
    got = run_transfer(replace(request_, base=base, out=tmp_path / "out"), field=QUICK)
    assert got.report["audit"]["statements"] == []
    assert got.report["audit"]["latent_map"] is None


def test_events_advance_through_all_stages(outcome: TransferOutcome, events: list[TransferEvent]) -> None:
    fractions = [event.fraction for event in events]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert list(dict.fromkeys(event.stage for event in events)) == list(TransferStage)
    assert events[-1].metrics == outcome.maes


def test_same_seed_gives_the_same_model(request_: TransferRequest, outcome: TransferOutcome, tmp_path: Path) -> None:
    again = run_transfer(replace(request_, out=tmp_path / "again"), field=FIELD)
    assert again.digest == outcome.digest


def test_labels_without_any_relation_serve_the_median(request_: TransferRequest, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).standard_cauchy(N).clip(-20, 20)
    definition = replace(DISTANCE, lower_bound=None)
    got = run_transfer(replace(request_, labels=noise, definition=definition, out=tmp_path / "noise"), field=QUICK)
    assert got.transfer_verdict is not Verdict.HELPS
    assert got.maes[got.chosen] <= got.maes["pool_median"] * 1.001


def test_cancelled_job_stops_between_fits_and_leaves_nothing(request_: TransferRequest, tmp_path: Path) -> None:
    calls = 0

    def should_stop() -> bool:
        nonlocal calls
        calls += 1
        return calls > 5

    with pytest.raises(StoppedError, match="was stopped after"):
        run_transfer(replace(request_, out=tmp_path / "cancelled"), should_stop=should_stop, field=QUICK)
    assert list(tmp_path.iterdir()) == []


class Unfit:
    """Cannot learn anything."""

    name = "unfit"

    def fit(self, inputs: TransferInputs, targets: NDArray[np.float64], seed: int) -> FittedStrategy:
        raise np.linalg.LinAlgError("not positive definite")


class Slow(EmbeddingRidge):
    """A costly strategy."""

    def fit(self, inputs: TransferInputs, targets: NDArray[np.float64], seed: int) -> FittedStrategy:  # type: ignore[override]
        time.sleep(0.4)
        return super().fit(inputs, targets, seed)


def test_failed_and_unaffordable_strategies_are_reported_and_the_job_goes_on(
    request_: TransferRequest, tmp_path: Path
) -> None:
    slow = Slow(name="slow")
    field = Field((EmbeddingRidge(), PoolMedian(), Unfit()), (slow,))
    got = run_transfer(replace(request_, out=tmp_path / "part", budget=TransferBudget(max_seconds=1.5)), field=field)
    skipped = {entry["name"]: entry["reason"] for entry in got.report["skipped"]}
    assert "not positive definite" in skipped["unfit"]
    assert "budget" in skipped["slow"]
    assert "slow" not in got.maes


def test_costly_strategy_with_time_is_compared_on_the_first_repeat(request_: TransferRequest, tmp_path: Path) -> None:
    field = Field((EmbeddingRidge(), PoolMedian()), (EmbeddingRidge(name="network"),))
    got = run_transfer(replace(request_, out=tmp_path / "net"), field=field)
    assert got.maes["network"] == pytest.approx(got.maes["embedding_ridge"], rel=0.2)
    rows = {row["name"]: row for row in got.report["strategies"]}
    assert rows["network"]["seconds"] < rows["embedding_ridge"]["seconds"]


def test_strategy_that_is_not_allowed_is_compared_but_never_serves(request_: TransferRequest, tmp_path: Path) -> None:
    budget = TransferBudget(strategies=frozenset({"second"}))
    field = Field((EmbeddingRidge(), EmbeddingRidge(name="second"), PoolMedian()))
    got = run_transfer(replace(request_, out=tmp_path / "ridge", budget=budget), field=field)
    assert got.chosen == "second"
    assert set(got.maes) == {"embedding_ridge", "second", "pool_median"}


@pytest.mark.parametrize(("has_column", "default"), [(True, "anchored_forest"), (False, "stack")])
def test_forest_on_what_cheaper_gaps_leave_serves_unless_another_is_better(
    request_: TransferRequest, tmp_path: Path, has_column: bool, default: str
) -> None:
    random = np.random.default_rng(6)
    cheap = np.maximum(random.normal(size=N), 0.0)
    labels = np.where(cheap > 0, 1.2 * cheap + 0.2 * np.abs(random.normal(size=N)), 0.0)
    wanted = replace(
        request_,
        labels=labels,
        definition=replace(DISTANCE, name="band_gap", unit="eV"),
        low_fidelity={"pbe": LowFidelityColumn(cheap, "eV", Fidelity.PBE)} if has_column else {},
        out=tmp_path / "gap",
    )
    got = run_transfer(wanted, field=Field((SubstrateHead(), AnchoredForest(is_open=False), PoolMedian())))
    reason = got.report["verdict"]["reason"]
    assert reason.endswith((f"nothing beats {default}", f"better than {default} beyond noise"))


def test_cheaper_values_are_used_where_known_and_nobody_needs_them(
    request_: TransferRequest, structures: list[Structure], tmp_path: Path
) -> None:
    """Some labelled rows lack the value, some rows have it and no label, and a candidate may have it or not."""
    truth = np.random.default_rng(4).normal(size=N)
    values = truth + 0.05 * np.random.default_rng(5).normal(size=N)
    values[:5] = np.nan
    labels = np.where(np.arange(N) < N - 5, truth, np.nan)
    column = LowFidelityColumn(values, "eV", Fidelity.PBE, cost=1.0)
    wanted = replace(
        request_,
        labels=labels,
        low_fidelity={"pbe": column},
        definition=replace(DISTANCE, lower_bound=None),
        budget=TransferBudget(600, frozenset({"block_gp"})),
        out=tmp_path / "low",
    )
    got = run_transfer(wanted, field=Field((BlockGP(), PoolMedian())))
    blocks = got.report["blocks"]
    assert max(blocks, key=blocks.__getitem__) in {"low_fidelity/pbe", "filled/pbe"}
    [row] = got.report["fidelities"]["columns"]
    assert (row["fidelity"], row["n_known"], row["n_values"]) == ("PBE", N - 10, N - 5)
    assert row["gain_low"] > 0
    model = TransferModel.load(got.model)
    assert model.card.required_columns == ()
    features, embedder = SubstrateFeatures(load_artifact(request_.base)), Embedder(load_artifact(request_.base))
    with_value, without = (
        model.predict(features.inputs_of(structures[N : N + 8], embedder, {"pbe": given}), 0.9)
        for given in (np.full(8, 1.5), np.full(8, np.nan))
    )
    np.testing.assert_allclose(with_value.values, 1.5, atol=0.4)
    assert np.abs(without.values - np.nanmedian(labels)).max() < 0.8
    assert (without.upper - without.lower).min() > 2 * (with_value.upper - with_value.lower).max()
    with pytest.raises(ConfigurationError, match="low_fidelity/pbe"):
        model.predict(_inputs(structures[:2]), 0.9)


def test_unusable_rows_are_left_out_with_their_reason(request_: TransferRequest, tmp_path: Path) -> None:
    broken = InvalidStructureError("two atoms on one site: remove one", reason="OVERLAP")
    rows = [*request_.rows, ("broken", broken), ("unlabelled", request_.rows[0][1])]
    labels = np.concatenate([request_.labels, [1.0, np.nan]])
    got = run_transfer(replace(request_, rows=rows, labels=labels, out=tmp_path / "rows"), field=QUICK)
    refused = {row["row_id"]: row["reason"] for row in got.report["data"]["refused"]}
    assert refused["broken"].startswith("two atoms on one site")
    assert refused.keys() == {"broken", "unlabelled"}


def test_too_few_labels_are_refused_with_the_number_needed(request_: TransferRequest, tmp_path: Path) -> None:
    few = replace(request_, rows=request_.rows[:9], labels=request_.labels[:9], out=tmp_path / "few")
    with pytest.raises(ConfigurationError, match="10"):
        run_transfer(few, field=QUICK)
    assert list(tmp_path.iterdir()) == []


def test_finished_run_replaces_an_earlier_one(request_: TransferRequest, tmp_path: Path) -> None:
    out = tmp_path / "twice"
    out.mkdir()
    (out / "left-over").write_text("old")
    run_transfer(replace(request_, out=out), field=QUICK)
    assert sorted(path.name for path in out.iterdir()) == ["model", "report.html", "report.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["twice"]


def test_default_field_holds_the_default_and_all_references() -> None:
    names = set(default_field(load_artifact(shipped_model())).named())
    assert {"block_gp", "pool_median", "descriptor_forest", "scratch_network", "full_fine_tune"} <= names


def test_budget_must_be_positive() -> None:
    with pytest.raises(ConfigurationError, match="budget must be positive"):
        TransferBudget(max_seconds=0)


def test_labels_of_another_length_are_refused(request_: TransferRequest) -> None:
    with pytest.raises(ConfigurationError, match="one value a row"):
        replace(request_, labels=np.zeros(3))


def test_all_strategies_failing_says_so(request_: TransferRequest, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="pool median"):
        run_transfer(replace(request_, out=tmp_path / "none"), field=Field((Unfit(),)))


def test_a_job_learns_a_law_in_temperature_and_a_route(
    structures: list[Structure], labels: NDArray[np.float64], base: Path, tmp_path: Path
) -> None:
    """A synthetic law on real crystals: each expands with the temperature, and one route adds a constant."""
    random = np.random.default_rng(2)
    rows = np.repeat(np.arange(22), 3)
    temperature = random.uniform(300, 900, size=len(rows))
    route = random.choice(np.array(["flux", "sol-gel"], dtype=object), size=len(rows))
    truth = labels[rows] * (1 + 4e-4 * (temperature - 300)) + 0.3 * (route == "flux")
    temperature[::11], route[::13] = np.nan, None
    conditions = {"temperature": ConditionColumn(temperature, "K"), "route": ConditionColumn(route)}
    named = [(f"row-{number}", structures[row]) for number, row in enumerate(rows)]
    plain = TransferRequest("distance", named, truth, DISTANCE, tmp_path / "out", transform="none", base=base)
    told = replace(plain, conditions=conditions)
    outcome = run_transfer(told, field=Field((BlockGP(), PoolMedian())))
    report = json.loads(outcome.report_json.read_text())
    assert report["data"]["n_usable"] == len(rows)
    assert [entry["name"] for entry in report["conditions"]] == ["temperature", "route"]
    assert report["conditions"][1]["categories"] == ["flux", "sol-gel"]
    assert "<b>temperature</b> (" in outcome.report_html.read_text()
    model = TransferModel.load(outcome.model)
    assert [entry.n_missing for entry in model.card.conditions] == [6, 6]
    blind = run_transfer(
        replace(plain, out=tmp_path / "blind", accept_suspicious=True), field=Field((EmbeddingRidge(), PoolMedian()))
    )
    assert json.loads(blind.report_json.read_text())["data"]["n_merged"] > 0
    assert "conditions" not in json.loads((blind.model / "card.json").read_text())
    candidates = _inputs(structures[:8])
    asked = {"temperature": np.array([400.0, 800.0] * 4), "route": np.array(["flux"] * 7 + ["melt"], dtype=object)}
    answered = model.predict(under_conditions(candidates, model.card.conditions, asked), 0.9)
    unknown = model.predict(under_conditions(candidates, model.card.conditions, {"route": asked["route"]}), 0.9)
    right = labels[:8] * (1 + 4e-4 * (asked["temperature"] - 300)) + 0.3
    assert np.abs(answered.values[:7, 0] - right[:7]).mean() < 0.6 * np.abs(unknown.values[:7, 0] - right[:7]).mean()
    assert (unknown.upper - unknown.lower > answered.upper - answered.lower).all()
    assert "no label has route 'melt'" in answered.domains[7].reason
    with pytest.raises(ConfigurationError, match=r"the model reads condition/temperature, condition/route"):
        model.predict(candidates, 0.9)
