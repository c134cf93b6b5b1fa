"""Whatever labels look like, a job ends with a model or with a reason that names what to do, never with a fault."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.ensembles.artifact import shipped_model
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.source_index.materials import SourceMaterials
from epitaxy_models.source_index.storage import FILE_NAME
from epitaxy_models.structures.structure import Structure
from epitaxy_models.testing.equivalent_cells import repeated, scaled
from epitaxy_models.transfer.contest.field import Field
from epitaxy_models.transfer.inputs import DESCRIPTORS, EMBEDDING, SUBSTRATE, TransferInputs
from epitaxy_models.transfer.labels.check import check_labels
from epitaxy_models.transfer.labels.findings import SuspiciousLabelsError
from epitaxy_models.transfer.labels.judging import Crystal, LabelledRow, judge_labels
from epitaxy_models.transfer.labels.readings import Reading
from epitaxy_models.transfer.labels.suspicion import SuspicionKind
from epitaxy_models.transfer.pipeline import run_transfer
from epitaxy_models.transfer.request import TransferOutcome, TransferRequest
from epitaxy_models.transfer.strategies import BlockGP, EmbeddingRidge, PoolMedian

# spglib announces another way to report errors; what is called here works with both.
pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")

Run = Callable[..., TransferOutcome]
ANY = PropertyDefinition("gap", "arb", Fidelity.EXPERIMENT, "measured", "d")
# The process takes seconds in every job: it meets strange labels in a test of its own.
FIELD = Field((EmbeddingRidge(), PoolMedian()))
N = 16


@pytest.fixture(scope="module", autouse=True)
def single_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped substrate without its source index, which says nothing of labels and takes a second to open."""
    folder = tmp_path_factory.mktemp("base") / "substrate"
    shutil.copytree(shipped_model(), folder, ignore=shutil.ignore_patterns(FILE_NAME))
    return folder


@pytest.fixture(scope="module")
def run(base: Path) -> Run:
    return partial(_run, base)


@pytest.fixture(scope="module")
def structures() -> list[Structure]:
    small = [crystal.structure for crystal in bundled_crystals() if crystal.structure.n_sites <= 8]
    by_formula = {structure.reduced_formula: structure for structure in small}
    return list(by_formula.values())[: N + 30]


@pytest.fixture(scope="module")
def rutile() -> Structure:
    return next(one.structure for one in bundled_crystals() if one.structure.reduced_formula == "O2Ti")


def _run(
    base: Path, structures: list[Structure], labels: NDArray[np.float64], folder: Path, **changes: object
) -> TransferOutcome:
    rows = [(f"r{number}", structure) for number, structure in enumerate(structures)]
    request = TransferRequest("kinds", rows, labels, ANY, folder / "out", base=base)
    return run_transfer(replace(request, **changes), field=FIELD)  # type: ignore[arg-type]


def test_what_reading_took_is_told_with_the_labels() -> None:
    """A repair is counted; a crystal that was chosen between contradictions is named, and stops nothing."""
    rows = [LabelledRow(n, f"r{n}", float(n), Crystal(f"Na{n + 1}Cl", 2, n)) for n in range(12)]
    wrapped = Reading("WRAPPED_COORDINATES", "coordinates wrapped into the cell")
    chosen = Reading("CHOSEN_SYMMETRY", "F m -3 m, not P 1", is_doubtful=True)
    rows[2] = replace(rows[2], readings=(wrapped,))
    rows[5] = replace(rows[5], readings=(wrapped, chosen))
    rows[7] = replace(rows[7], label=float("nan"), readings=(chosen,))
    check = judge_labels(rows).check
    assert [(one.row, one.code) for one in check.readings] == [
        (2, "WRAPPED_COORDINATES"),
        (5, "WRAPPED_COORDINATES"),
        (5, "CHOSEN_SYMMETRY"),
    ]
    assert check.warnings[-1] == (
        "structures were not read exactly as they stand: WRAPPED_COORDINATES 2 (r2, r5); CHOSEN_SYMMETRY 1 (r5)"
    )
    (named,) = check.suspicious
    assert (named.row, named.id, named.kind) == (5, "r5", SuspicionKind.DOUBTFUL_STRUCTURE)
    assert named.message == "row 5 (r5): its structure is in doubt (CHOSEN_SYMMETRY: F m -3 m, not P 1)"
    assert check.stops() is None


RANDOM = np.random.default_rng(2).normal(3, 1, size=N)
STOPPED = {
    "constant": (np.full(N, 1.5), "CONSTANT_LABELS"),
    "constant but for rounding": (1e9 + 1e-7 * np.arange(N), "CONSTANT_LABELS"),
    "denormal": (np.arange(N) * 1e-310, "CONSTANT_LABELS"),
    "nothing": (np.full(N, np.nan), "TOO_FEW_LABELS"),
    "mostly nothing": (np.where(np.arange(N) < 9, RANDOM, np.nan), "TOO_FEW_LABELS"),
    "beyond all bounds": (np.full(N, 1e300), "TOO_FEW_LABELS"),
    "infinite": (np.full(N, np.inf), "TOO_FEW_LABELS"),
}
LEARNED = {
    "ten rows": np.where(np.arange(N) < 10, RANDOM, np.nan),
    "some huge": np.where(np.arange(N) < 12, RANDOM, 1e200),
    "huge": 1e90 * RANDOM,
    "tiny": 1e-80 * np.abs(RANDOM),
    "over many decades": 10.0 ** np.linspace(-40, 40, N),
    "two values": np.arange(N) % 2.0,
    "mostly zero": np.where(np.arange(N) < 3, RANDOM, 0.0),
    "one that differs": np.where(np.arange(N) == 3, 1.0, 0.0),
}


@pytest.mark.parametrize("kind", STOPPED)
def test_labels_that_teach_nothing_are_refused_by_name(kind: str, run: Run, structures: list, tmp_path: Path) -> None:
    labels, reason = STOPPED[kind]
    with pytest.raises(ConfigurationError, match=r"constant|are needed") as error:
        run(structures[:N], labels, tmp_path)
    assert error.value.reason == reason


@pytest.mark.parametrize("kind", LEARNED)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_strange_labels_end_with_a_model(kind: str, run: Run, structures: list, tmp_path: Path) -> None:
    got = run(structures[:N], LEARNED[kind], tmp_path)
    assert np.isfinite(got.maes[got.chosen])


@pytest.mark.parametrize("kind", LEARNED)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_default_process_answers_with_numbers(kind: str, make_inputs: Callable[..., TransferInputs]) -> None:
    labels = LEARNED[kind]
    known = np.isfinite(labels) & (np.abs(labels) < 1e100)
    features = np.random.default_rng(0).normal(size=(int(known.sum()), 6))
    inputs = make_inputs(**{DESCRIPTORS: features, EMBEDDING: features, SUBSTRATE: features[:, :2]})
    found = BlockGP().fit(inputs, labels[known], 0).predict(inputs)
    assert np.isfinite(found.values).all()
    assert (found.stds > 0).all()


def test_one_formula_is_refused_and_two_are_learned(run: Run, structures: list, tmp_path: Path) -> None:
    strained = [scaled(structures[0], 1 + number / 200) for number in range(N)]
    with pytest.raises(ConfigurationError, match="all 16 labels are of one formula") as error:
        run(strained, RANDOM, tmp_path)
    assert error.value.reason == "TOO_FEW_FORMULAS"
    two = [*strained[:8], *(scaled(structures[1], 1 + number / 200) for number in range(8))]
    assert run(two, RANDOM, tmp_path).chosen


def test_formulas_are_spelled_as_chemists_write_them(rutile: Structure, structures: list) -> None:
    strained = [scaled(rutile, 1 + number / 200) for number in range(10)]
    alone = check_labels([(f"r{n}", one) for n, one in enumerate(strained)], RANDOM[:10], "arb").check
    assert alone.obstacle is not None
    assert "are of one formula, TiO2, and" in alone.obstacle.message

    labels = np.append(RANDOM[:10], [RANDOM[0] + 50, RANDOM[1]])
    rows = [(f"r{n}", one) for n, one in enumerate([*structures[:10], rutile, rutile])]
    seen_before = SourceMaterials(
        ("s",), (rutile.reduced_formula,), np.zeros(1, dtype=np.uint8), np.zeros(1, dtype=np.uint64)
    )
    found = check_labels(rows, labels, "arb", source=seen_before).check
    assert [group.formula for group in found.duplicates] == ["TiO2"]
    assert [entry.formula for entry in found.outliers] == ["TiO2"]
    assert [(entry.formula, entry.is_same_structure) for entry in found.seen] == [("TiO2", False)]
    assert "one crystal (TiO2) has the labels" in found.suspicious[-1].message
    assert any("TiO2" in text for text in found.warnings)
    assert not any("O2Ti" in text for text in found.warnings)


def test_one_crystal_again_and_again_is_one_label(run: Run, structures: list, tmp_path: Path) -> None:
    copies = [repeated(structures[0], (1, 1, 1 + number % 2)) for number in range(N)]
    with pytest.raises(ConfigurationError, match="1 of 16 rows are usable") as error:
        run(copies, RANDOM, tmp_path)
    assert error.value.reason == "TOO_FEW_LABELS"


def test_a_logarithm_that_does_not_exist_is_refused_with_a_remedy(run: Run, structures: list, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="choose log1p") as error:
        run(structures[:N], RANDOM - 3, tmp_path, transform="log10")
    assert error.value.reason == "INVALID_LABELS"


def test_a_wild_label_stops_the_job_unless_it_is_accepted(run: Run, structures: list, tmp_path: Path) -> None:
    labels = np.random.default_rng(3).normal(3, 1, size=N + 24)
    labels[3] = 9999.0
    with pytest.raises(SuspiciousLabelsError, match=r"row 3 \(r3\): 9999 arb is \d+ times farther") as error:
        run(structures[: N + 24], labels, tmp_path)
    assert error.value.reason == "SUSPICIOUS_LABELS"
    assert [(entry.row, entry.value) for entry in error.value.suspicious] == [(3, 9999.0)]
    assert list(tmp_path.iterdir()) == []

    got = run(structures[: N + 24], labels, tmp_path, accept_suspicious=True)
    assert "row 3 (r3): 9999 arb" in got.sentence
    assert got.report["data"]["suspicious"][0]["row_id"] == "r3"
    page = got.report_html.read_text(encoding="utf-8")
    assert page.index("row 3 (r3): 9999 arb") < page.index("<h2>Verdict")
    card = (got.model / "card.json").read_text(encoding="utf-8")
    assert "row 3 (r3): 9999 arb" in card


def test_a_model_of_noise_says_that_it_is_a_constant(run: Run, structures: list, tmp_path: Path) -> None:
    got = run(structures[:N], np.random.default_rng(1).normal(size=N), tmp_path)
    assert got.chosen != "pool_median" or got.is_constant
    assert run(structures[:N], LEARNED["one that differs"], tmp_path).is_constant
