"""What the data check says of labels before anything is trained."""

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.errors import ConfigurationError, EpitaxyError, InvalidStructureError
from epitaxy_models.source_index import SourceIndex
from epitaxy_models.structures import Structure
from epitaxy_models.testing.equivalent_cells import random_rotation, repeated, scaled, turned
from epitaxy_models.transfer.labels.check import check_labels
from epitaxy_models.transfer.labels.findings import DataCheck
from epitaxy_models.transfer.labels.judging import robust_deviation
from epitaxy_models.transfer.labels.references import SubstrateReferences
from epitaxy_models.transfer.labels.units import ReferenceValues, UnitDoubt, doubted_unit

N = 40


@pytest.fixture
def rows(crystals: list[Structure]) -> list[tuple[str, Structure | EpitaxyError]]:
    return [(f"r{row}", crystal) for row, crystal in enumerate(crystals[:N])]


@pytest.fixture
def labels() -> np.ndarray:
    return np.random.default_rng(4).normal(size=N)


def test_every_row_is_counted_once(rows: list, labels: np.ndarray, crystals: list[Structure]) -> None:
    rows[5] = ("r5", InvalidStructureError("two atoms overlap: move one", reason="OVERLAPPING_ATOMS"))
    labels[6], labels[7] = np.nan, np.inf
    rows += [("again", repeated(crystals[8], (2, 1, 1))), ("other", repeated(crystals[9], (1, 2, 1)))]
    checked = check_labels(rows, np.append(labels, [labels[8], labels[9] + 9]), "K")
    check = checked.check
    reasons = {"OVERLAPPING_ATOMS": 1, "MISSING_LABEL": 1, "INFINITE_LABEL": 1}
    assert check.n_refused == reasons
    assert (check.n_rows, check.n_usable, check.n_merged) == (N + 2, N - 3, 2)
    assert [entry.row for entry in check.refused] == [5, 6, 7]
    assert checked.rows.tolist() == [row for row in range(N) if row not in (5, 6, 7)]
    assert len(checked.structures) == len(checked.graphs) == len(checked.labels) == check.n_usable
    assert json.loads(json.dumps(check.as_json()))["n_refused"] == reasons


def test_refusals_name_the_row_and_a_remedy(rows: list, labels: np.ndarray) -> None:
    labels[2], labels[4], labels[5] = np.nan, 1e200, -np.inf
    missing, huge, infinite = check_labels(rows, labels, "K").check.refused
    assert (missing.id, missing.message) == ("r2", "it has no label: give its value, or leave the row out")
    assert (huge.id, huge.message) == ("r4", "its label is 1e+200, beyond 1e+100: give it in another unit")
    assert (infinite.id, infinite.message) == ("r5", "its label is infinite: give a finite number")


def test_labels_of_one_crystal_that_differ_are_replicates(
    rows: list, labels: np.ndarray, crystals: list[Structure]
) -> None:
    """Told with rows and values; their median is learned, and their spread is known as noise."""
    rows.append(("twin", turned(crystals[3], random_rotation(1))))
    checked = check_labels(rows, np.append(labels, labels[3] + 2), "K")
    assert checked.labels[3] == pytest.approx(labels[3] + 1)
    assert 0.1 < checked.replicate_std <= 0.5 * robust_deviation(checked.labels)
    (found,) = [entry for entry in checked.check.suspicious if entry.kind == "REPLICATES"]
    assert (found.row, found.id, found.value) == (3, "r3", pytest.approx(labels[3] + 1))
    assert f"rows 3, {N}: one crystal" in found.message
    assert not found.kind.is_gross


def test_labels_of_one_crystal_that_agree_become_their_median(
    rows: list, labels: np.ndarray, crystals: list[Structure]
) -> None:
    rows += [("b", repeated(crystals[0], (2, 1, 1))), ("c", crystals[0])]
    checked = check_labels(rows, np.append(labels, [labels[0] + 0.1, labels[0] + 0.02]), "K")
    assert checked.labels[0] == pytest.approx(labels[0] + 0.02)
    (group,) = checked.check.duplicates
    assert (group.rows, group.is_conflicting) == ((0, N, N + 1), False)


def test_polymorphs_and_strained_cells_are_no_duplicates(rows: list, labels: np.ndarray, crystals: list) -> None:
    rows.append(("strained", scaled(crystals[0], 1.02)))
    assert check_labels(rows, np.append(labels, 50.0), "K").check.duplicates == ()


@pytest.mark.parametrize(("n_rows", "n_missing"), [(0, 10), (7, 3), (10, 0)])
def test_fewer_than_ten_labels_are_refused_with_what_is_needed(
    n_rows: int, n_missing: int, rows: list, labels: np.ndarray
) -> None:
    check = check_labels(rows[:n_rows], labels[:n_rows], "K").check
    assert check.n_missing == n_missing
    if n_missing:
        with pytest.raises(ConfigurationError, match=f"10 are needed: give {n_missing} more crystals"):
            check.require_enough()
    else:
        check.require_enough()


def test_a_label_far_from_the_rest_is_pointed_out_and_kept(rows: list, labels: np.ndarray) -> None:
    labels[11] = 400.0
    checked = check_labels(rows, labels, "K")
    (far,) = checked.check.outliers
    assert (far.row, far.id, far.label) == (11, "r11", 400.0)
    assert far.robust_z > 100
    assert 400.0 in checked.labels
    assert any("r11" in text for text in checked.check.warnings)


def test_a_long_tail_of_positive_labels_is_no_fault(rows: list) -> None:
    tail = np.exp(2 * np.random.default_rng(0).normal(size=N))
    assert check_labels(rows, tail, "GPa").check.outliers == ()
    assert check_labels(rows, tail - 100, "GPa").check.outliers


def test_crystals_that_the_substrate_has_met(
    rows: list, labels: np.ndarray, index: SourceIndex, crystals: list[Structure]
) -> None:
    """By graph in any cell, by formula otherwise."""
    given = [("same", repeated(crystals[1], (1, 1, 2))), ("formula", scaled(crystals[2], 1.05))]
    foreign = Structure(np.eye(3) * 4.0, np.array([2], dtype=np.uint8), np.zeros((1, 3)))
    found = check_labels([*given, ("new", foreign)], labels[:3], "K", source=index.materials).check.seen
    assert [(entry.id, entry.is_same_structure) for entry in found] == [("same", True), ("formula", False)]


def test_counts_that_do_not_add_up_are_no_check(rows: list, labels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="make no 41"):
        replace(check_labels(rows, labels, "K").check, n_rows=41)


def test_as_many_labels_as_rows(rows: list, labels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="shorter"):
        check_labels(rows, labels[1:], "K")


@pytest.fixture
def energies() -> np.ndarray:
    """Formation energies as a good substrate predicts them."""
    return -np.abs(np.random.default_rng(7).normal(1.5, 0.8, size=N)) - 0.05


def _doubt(labels: np.ndarray, unit: str, crystals: Sequence[Structure], energies: np.ndarray) -> UnitDoubt | None:
    reference = ReferenceValues("formation_energy", "eV/atom", energies)
    return doubted_unit(labels, unit, crystals[:N], [reference])


def _measured(energies: np.ndarray) -> np.ndarray:
    return energies * np.exp(0.1 * np.random.default_rng(1).normal(size=N))


def test_a_right_unit_raises_no_doubt(crystals: list[Structure], energies: np.ndarray) -> None:
    n_sites = np.array([crystal.n_sites for crystal in crystals[:N]])
    assert _doubt(_measured(energies), "eV/atom", crystals, energies) is None
    assert _doubt(1000 * _measured(energies), "meV/atom", crystals, energies) is None
    assert _doubt(n_sites * _measured(energies), "eV/cell", crystals, energies) is None


def test_a_wrong_unit_is_recognized(crystals: list[Structure], energies: np.ndarray) -> None:
    supercells = [repeated(crystal, (2, 2, 1)) for crystal in crystals[:N]]
    cells = np.array([crystal.n_sites for crystal in supercells])
    cases = {
        "meV/atom": 1000 * _measured(energies),
        "eV/cell": cells * _measured(energies),
        "kJ/mol/atom": 96.485 * _measured(energies),
        "eV/atom with the sign turned": -_measured(energies),
    }
    for likely, labels in cases.items():
        doubt = _doubt(labels, "eV/atom", supercells, energies)
        assert doubt is not None
        assert doubt.likely == likely
        assert "check the unit" in doubt.message


@pytest.mark.parametrize("unit", ["K", "GPa", "eV", "cm1"])
def test_units_that_are_no_energy_per_amount_are_not_doubted(
    unit: str, crystals: list[Structure], energies: np.ndarray
) -> None:
    assert _doubt(1000 * energies, unit, crystals, energies) is None


def test_labels_that_follow_no_prediction_prove_nothing(crystals: list[Structure], energies: np.ndarray) -> None:
    labels = 1000 * np.random.default_rng(3).permutation(energies)
    assert _doubt(labels, "eV/atom", crystals, energies) is None


def test_the_substrate_itself_is_asked(
    rows: list, artifact: ModelArtifact, crystals: list[Structure], graphs: list
) -> None:
    references = SubstrateReferences(artifact, Embedder(artifact))
    energy, gap = references(graphs[:N], crystals[:N])
    assert [(one.name, one.unit, len(one.values)) for one in (energy, gap)] == [
        ("formation_energy", "eV/atom", N),
        ("band_gap", "eV", N),
    ]
    check: DataCheck = check_labels(rows, 1000 * energy.values, "eV/atom", references=references).check
    assert check.unit_doubt is not None
    assert check.unit_doubt.likely == "meV/atom"
    assert "meV/atom" in check.warnings[0]
