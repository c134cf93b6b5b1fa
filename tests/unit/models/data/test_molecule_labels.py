"""Labels that RDKit computes for molecules."""

import numpy as np
import pytest
from rdkit.Chem import Crippen, Descriptors, Mol, MolFromSmiles

from epitaxy_models.data.auxiliary.molecule_labels import NAMES, molecule_labels

ASPIRIN = MolFromSmiles("CC(=O)Oc1ccccc1C(=O)O")


def _labels(molecule: Mol) -> dict[str, float]:
    return dict(zip(NAMES, molecule_labels(molecule).tolist(), strict=True))


def test_labels_are_those_of_rdkit_for_each_heavy_atom() -> None:
    found = _labels(ASPIRIN)
    assert found["rdkit_partition"] == pytest.approx(Crippen.MolLogP(ASPIRIN), abs=1e-5)
    assert found["rdkit_refractivity"] == pytest.approx(Crippen.MolMR(ASPIRIN) / 13, abs=1e-5)
    assert found["rdkit_polar_surface"] == pytest.approx(Descriptors.TPSA(ASPIRIN) / 13, abs=1e-5)
    assert found["rdkit_rings"] == pytest.approx(1 / 13)
    assert found["rdkit_least_charge"] < 0 < found["rdkit_most_charge"]


def test_names_are_distinct_and_values_finite() -> None:
    assert len(set(NAMES)) == len(NAMES) == len(molecule_labels(ASPIRIN))
    assert np.isfinite(molecule_labels(ASPIRIN)).all()
