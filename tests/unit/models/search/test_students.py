"""Students: fitted to answers, honest on what they did not see, tied to their weights, quick."""

import json
from dataclasses import replace

import numpy as np
import pytest

from epitaxy_models.errors import CheckpointError, ConfigurationError, UnknownPropertyError
from epitaxy_models.search import CandidateColumns, Stage, adapted_students, load_students, save_students
from epitaxy_models.search.files import RECORD, TENSORS
from epitaxy_models.structures.element_table import property_of_elements
from epitaxy_models.training.student_answers import EnsembleAnswers
from epitaxy_models.training.student_network import StudentConfig
from epitaxy_models.training.students import fit_students

DIGEST = "sha256:of-a-teacher"
N = 1500


def answers(seed=0):
    """A teacher that knows electronegativity and density, of random ternaries."""
    random = np.random.default_rng(seed)
    numbers = np.sort(np.array([random.choice(np.arange(3, 40), 3, replace=False) for _ in range(N)]), axis=1)
    amounts = random.integers(1, 5, size=(N, 3))
    n_sites = amounts.sum(axis=1)
    volumes = n_sites * random.uniform(10, 25, size=N)
    columns = CandidateColumns(
        numbers.ravel().astype(np.uint8),
        amounts.ravel().astype(np.float32),
        np.arange(0, 3 * N + 1, 3),
        volumes,
        n_sites.astype(np.float32),
    )
    negativity = property_of_elements("electronegativity")[numbers]
    polar = (amounts * negativity).sum(axis=1) / n_sites
    wanted = np.stack([polar, polar - volumes / n_sites / 10], axis=1).astype(np.float32)
    parts = np.where(np.arange(N) < 1000, "fit", np.where(np.arange(N) < 1250, "calibration", "held_out"))
    return EnsembleAnswers(
        columns, (("polar", "value"), ("dense", "value")), wanted, np.ones(N, dtype=bool), np.full(N, "X"), parts
    )


@pytest.fixture(scope="module")
def taught():
    return answers()


@pytest.fixture(scope="module")
def fitted(taught):
    return fit_students(taught, DIGEST, StudentConfig(width=48, epochs=30, batch_size=64, n_members=1))


def test_students_learn_what_each_stage_can_know(fitted):
    held_out = fitted.facts["held_out"]
    assert held_out["composition.polar.value"]["correlation"] > 0.95
    assert held_out["packing.dense.value"]["correlation"] > 0.95
    assert held_out["composition.dense.value"]["correlation"] < held_out["packing.dense.value"]["correlation"] - 0.1


def test_conformal_bounds_cover_what_nobody_saw(fitted):
    for name, measured in fitted.facts["held_out"].items():
        assert 0.82 <= measured["coverage_90"] <= 0.97, name


def test_scales_are_honest_by_stage(fitted, taught):
    held_out = taught.rows(taught.parts == "held_out")
    scores = fitted.students.score(held_out.columns)
    assert (scores.stages == Stage.PACKING).all()
    errors = np.abs(held_out.wanted - scores.values) / scores.scales
    assert errors.mean(axis=0) == pytest.approx(1.0, abs=0.3)
    blind = fitted.students.score(replace(held_out.columns, volumes=np.full(len(held_out.columns), np.nan)))
    assert (blind.stages == Stage.COMPOSITION).all()
    assert np.median(blind.scales[:, 1]) > 2 * np.median(scores.scales[:, 1])


def test_saved_students_say_the_same(fitted, taught, tmp_path):
    save_students(fitted.students, tmp_path, fitted.facts)
    loaded = load_students(tmp_path, DIGEST)
    before, after = fitted.students.score(taught.columns), loaded.score(taught.columns)
    # float16 on disk
    assert np.abs((before.values - after.values) / before.scales).max() < 0.1
    np.testing.assert_allclose(before.scales, after.scales, rtol=0.1)
    assert loaded.quantities == fitted.students.quantities


def test_students_of_other_weights_are_refused(fitted, tmp_path):
    save_students(fitted.students, tmp_path, {})
    with pytest.raises(CheckpointError, match="fit them again") as caught:
        load_students(tmp_path, "sha256:of-another")
    assert caught.value.reason == "STUDENTS_OF_OTHER_WEIGHTS"


@pytest.mark.parametrize("damage", ["tensors", "record", "format", "swapped", "gone"])
def test_damaged_students_are_refused(fitted, tmp_path, damage):
    save_students(fitted.students, tmp_path, {})
    record = json.loads((tmp_path / RECORD).read_text())
    content = (tmp_path / TENSORS).read_bytes()
    if damage == "tensors":
        (tmp_path / TENSORS).write_bytes(content[:-7] + b"damaged")
    elif damage == "record":
        (tmp_path / RECORD).write_text("{")
    elif damage == "format":
        (tmp_path / RECORD).write_text(json.dumps(record | {"format": "students-0"}))
    elif damage == "swapped":
        (tmp_path / RECORD).write_text(json.dumps(record | {"quantities": record["quantities"][:1]}))
    else:
        (tmp_path / TENSORS).unlink()
    with pytest.raises(CheckpointError, match="fit them again") as caught:
        load_students(tmp_path, DIGEST)
    assert caught.value.reason == "UNREADABLE_STUDENTS"


def test_a_folder_without_students_says_so(tmp_path):
    with pytest.raises(CheckpointError, match="has no students") as caught:
        load_students(tmp_path, DIGEST)
    assert caught.value.reason == "NO_STUDENTS"


def test_strange_elements_and_empty_candidates_are_not_judged(fitted):
    columns = CandidateColumns(
        np.array([92, 8, 8], dtype=np.uint8),
        np.ones(3, dtype=np.float32),
        np.array([0, 2, 3, 3]),
        np.full(3, np.nan),
        np.full(3, np.nan, dtype=np.float32),
    )
    scores = fitted.students.score(columns)
    assert np.isnan(scores.values).all(axis=1).tolist() == [True, False, True]
    assert (scores.scales > 0).all()


def test_unknown_quantities_and_coverages_are_refused(fitted, taught):
    with pytest.raises(UnknownPropertyError, match="they know polar, dense"):
        fitted.students.column("bulk_modulus")
    with pytest.raises(ConfigurationError, match="coverage"):
        fitted.students.bounds(fitted.students.score(taught.columns), 0, 1.0)


def test_too_few_crystals_are_refused(taught):
    with pytest.raises(ConfigurationError, match="students need 100"):
        fit_students(taught.rows(np.arange(N) < 50), DIGEST)


def test_students_of_another_model_are_fitted_on_the_same_layers(fitted, taught):
    columns, wanted = taught.columns, taught.wanted
    other = (np.tanh(wanted[:, :1]) * 3 + wanted[:, 1:]).astype(np.float32)
    rows, rest = np.arange(1000, 1250), np.arange(1250, N)
    students = adapted_students(
        fitted.students, columns.rows(rows), other[rows], (("tenants_own", "value"),), "sha256:of-a-tenant"
    )
    scores = students.score(columns.rows(rest))
    assert np.corrcoef(scores.values[:, 0], other[rest, 0])[0, 1] > 0.9
    errors = (other[rest] - scores.values) / scores.scales
    assert np.abs(errors).mean() == pytest.approx(1.0, abs=0.35)
    lower, upper = students.bounds(scores, 0, 0.9)
    assert 0.82 <= np.mean((lower <= other[rest, 0]) & (other[rest, 0] <= upper)) <= 0.97
    assert (students.quantities, students.weights_digest) == ((("tenants_own", "value"),), "sha256:of-a-tenant")


def test_students_of_another_model_need_enough_finite_answers(fitted, taught):
    few, many = taught.columns.rows(np.arange(49)), taught.columns.rows(np.arange(60))
    with pytest.raises(ConfigurationError, match="students need 50"):
        adapted_students(fitted.students, few, taught.wanted[:49, :1], (("x", "value"),), "d")
    with pytest.raises(ConfigurationError, match="finite"):
        adapted_students(fitted.students, many, np.full((60, 1), np.nan), (("x", "value"),), "d")
