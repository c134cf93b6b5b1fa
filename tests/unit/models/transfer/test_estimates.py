import numpy as np
import pytest

from epitaxy_models.structures.structure import Structure
from epitaxy_models.transfer.descriptors.estimates import estimates, gap_heads

SILICON = Structure(
    lattice=5.43 * np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]),
    atomic_numbers=np.array([14, 14], dtype=np.uint8),
    frac_coords=np.array([[0, 0, 0], [0.25, 0.25, 0.25]]),
)


def test_penns_estimate_is_that_of_the_textbook() -> None:
    [[log_volume, penn]] = estimates([SILICON], np.array([[4.8]]))
    # Four electrons in 20 cubic Angstrom have a plasmon energy of 16.6 eV; with Penn's gap of 4.8 eV that makes 12.96.
    assert 10**penn == pytest.approx(12.96, rel=0.01)
    assert log_volume == pytest.approx(np.log(5.43**3 / 8))


def test_estimates_do_not_depend_on_the_choice_of_cell() -> None:
    doubled = Structure(
        lattice=SILICON.lattice * np.array([[2], [1], [1]]),
        atomic_numbers=np.repeat(SILICON.atomic_numbers, 2),
        frac_coords=np.array([[0, 0, 0], [0.5, 0, 0], [0.125, 0.25, 0.25], [0.625, 0.25, 0.25]]),
    )
    np.testing.assert_allclose(*estimates([SILICON, doubled], np.full((2, 3), 1.1)))


def test_metals_have_a_finite_estimate() -> None:
    assert np.isfinite(estimates([SILICON], np.array([[-0.02, 0.01]]))).all()


def test_a_substrate_that_knows_no_gaps_leaves_the_volume() -> None:
    assert gap_heads(["formation_energy_eV_atom", "log10_bulk_modulus_1"]) == []
    assert estimates([SILICON, SILICON], np.empty((2, 0))).shape == (2, 1)
    assert estimates([], np.empty((0, 4))).shape == (0, 2)
