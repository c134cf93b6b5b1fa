"""Auxiliary labels: right for crystals that everybody knows, the same for every cell of one crystal."""

from math import exp, log, log2

import numpy as np
import pandas as pd
import pytest

from epitaxy_models.data.auxiliary.labels import (
    GROUPS,
    rattled,
    stiffness_labels,
    strain_energy,
    stretched,
    structure_labels,
)
from epitaxy_models.data.auxiliary.table import with_auxiliary
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.structures import Structure, structure_from_column, structure_to_column
from epitaxy_models.testing.equivalent_cells import permuted, random_basis, random_rotation, rebased, repeated, turned
from epitaxy_models.training.tasks import auxiliary_tasks, tasks_of_columns


def _rock_salt() -> Structure:
    frac = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    numbers = np.array([11] * 4 + [17] * 4, dtype=np.uint8)
    return Structure(5.64 * np.eye(3), numbers, np.concatenate([frac, frac + np.array([0.5, 0, 0])]) % 1)


def _silicon() -> Structure:
    lattice = 5.431 / 2 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0.0]])
    return Structure(lattice, np.array([14, 14], dtype=np.uint8), np.array([[0, 0, 0], [0.25, 0.25, 0.25]]))


def test_labels_of_silicon_are_those_of_the_textbook() -> None:
    labels = structure_labels(_silicon())
    assert exp(labels["log_density_1"]) == pytest.approx(2.329, rel=1e-3)
    assert exp(labels["log_volume_per_atom_1"]) == pytest.approx(20.02, rel=1e-3)
    assert labels["coordination_mean_1"] == 4
    assert labels["log2_point_group_order_1"] == pytest.approx(log2(48))
    assert labels["is_centrosymmetric_1"] == 1


def test_labels_of_rock_salt_are_those_of_the_textbook() -> None:
    labels = structure_labels(_rock_salt())
    assert exp(labels["log_density_1"]) == pytest.approx(2.165, rel=2e-3)
    # Six neighbours of the other kind; sodium's radius is so large that its twelve fellows count as well.
    assert labels["coordination_mean_1"] == (6 + 18) / 2
    assert exp(labels["log_mass_min_1"]) == pytest.approx(22.99, rel=1e-3)
    assert labels["orbits_per_atom_1"] == 1


def test_labels_do_not_depend_on_the_choice_of_cell() -> None:
    expected = structure_labels(_rock_salt())
    salt = _rock_salt()
    cells = (
        turned(salt, random_rotation(3)),
        permuted(salt, np.arange(8)[::-1]),
        rebased(salt, random_basis(1)),
        repeated(salt, (2, 1, 1)),
    )
    for cell in cells:
        found = structure_labels(cell)
        assert found == pytest.approx(expected, abs=1e-6)


def test_stretching_changes_the_volume_and_nothing_else() -> None:
    salt = _rock_salt()
    larger = stretched(salt, 0.1)
    assert log(larger.volume / salt.volume) == pytest.approx(0.1)
    np.testing.assert_array_equal(larger.frac_coords, salt.frac_coords)


def test_strain_energy_is_that_of_the_bulk_modulus() -> None:
    # 100 GPa, 20 A^3 an atom, 10 % of volume: 0.5 * 0.624 eV/A^3 * 20 * 0.01.
    silicon = _silicon()
    assert strain_energy(silicon, 2.0, 0.1) == pytest.approx(0.5 * 0.62415 * silicon.volume / 2 * 0.01, rel=1e-4)
    labels = stiffness_labels(silicon, 2.0)
    heavier = Structure(silicon.lattice, np.array([32, 32], dtype=np.uint8), silicon.frac_coords)
    assert labels["log10_debye_1"] > stiffness_labels(heavier, 2.0)["log10_debye_1"]


def test_rattling_moves_every_atom_by_the_amplitude() -> None:
    silicon = _silicon()
    repeated = Structure(
        silicon.lattice * 6, np.repeat(silicon.atomic_numbers, 200), np.random.default_rng(1).random((400, 3))
    )
    moved = rattled(repeated, 0.2, np.random.default_rng(0))
    shifts = (moved.frac_coords - repeated.frac_coords + 0.5) % 1 - 0.5
    assert (shifts @ repeated.lattice).std() == pytest.approx(0.2, rel=0.05)


def _table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": ["a", "b", "c"],
            "formula": ["ClNa", "Si", "Si"],
            "structure": [structure_to_column(s) for s in (_rock_salt(), _silicon(), stretched(_silicon(), 0.3))],
            "formation_energy_x_eV_atom": [-2.0, 0.0, 0.4],
        }
    )


def test_copies_carry_the_label_of_their_perturbation_and_no_other() -> None:
    found = with_auxiliary(_table(), {"Si": 2.0}, stretched_share=1.0, rattled_share=1.0)
    originals, copies = found[:3], found[3:]
    assert len(copies) == 6
    assert copies["id"].str.endswith("/copy").all()
    assert set(copies["formula"]) == {"ClNa", "Si"}
    assert copies["formation_energy_x_eV_atom"].isna().all()
    assert originals["strain_log_volume_1"].isna().all()
    for _, copy in copies[copies["strain_log_volume_1"].notna()].iterrows():
        original = found[found["id"] == copy["id"].removesuffix("/copy")].iloc[0]
        volumes = [structure_from_column(row["structure"]).volume for row in (copy, original)]
        assert log(volumes[0] / volumes[1]) == pytest.approx(copy["strain_log_volume_1"], abs=1e-9)
    assert (copies["rattle_A"].notna() ^ copies["strain_log_volume_1"].notna()).all()


def test_a_bulk_modulus_belongs_to_the_most_stable_structure_of_its_formula() -> None:
    found = with_auxiliary(_table(), {"Si": 2.0})
    assert found["log10_bulk_modulus_1"].tolist()[1] == 2.0
    assert found["log10_bulk_modulus_1"].isna().tolist() == [True, False, True]


def test_the_table_does_not_depend_on_the_number_of_processes() -> None:
    one, two = (with_auxiliary(_table(), {}, stretched_share=0.7, processes=n) for n in (1, 2))
    pd.testing.assert_frame_equal(one, two)


def test_groups_become_tasks_of_one_weight_each() -> None:
    for group in GROUPS:
        assert sum(task.weight for task in auxiliary_tasks([group])) == pytest.approx(0.3)
    assert not any(task.is_served for task in auxiliary_tasks(GROUPS))
    with pytest.raises(ConfigurationError, match="no auxiliary group magnetism"):
        auxiliary_tasks(["magnetism"])


def test_a_checkpoint_names_its_tasks_by_column() -> None:
    columns = ("log10_bulk_modulus_1", "formation_energy_mp2018_eV_atom")
    assert [task.column for task in tasks_of_columns(columns)] == list(columns)
    with pytest.raises(ConfigurationError, match="no task is known for column tc_K"):
        tasks_of_columns(["tc_K"])
