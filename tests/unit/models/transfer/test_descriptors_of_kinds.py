"""Descriptors of compositions, molecules and polymers: finite, and blind to how a material is written."""

import numpy as np
import pytest
from material_cases import column
from rdkit import Chem

from epitaxy_models.compositions import read_composition
from epitaxy_models.errors import InvalidMaterialError
from epitaxy_models.molecules import read_molecule
from epitaxy_models.polymers import read_polymer
from epitaxy_models.transfer.descriptors.compositions import (
    COMPOSITION_DESCRIPTOR_NAMES,
    describe_compositions,
    fractions_of,
    weight_fractions_of,
)
from epitaxy_models.transfer.descriptors.fingerprints import count_chain_surroundings, count_surroundings
from epitaxy_models.transfer.descriptors.molecules import MOLECULE_DESCRIPTOR_NAMES, describe_molecules
from epitaxy_models.transfer.descriptors.polymers import POLYMER_DESCRIPTOR_NAMES, closed_unit, describe_polymers


def compositions(*texts):
    return [read_composition(text).composition for text in texts]


def molecules(*texts):
    return [read_molecule(text).molecule for text in texts]


def polymers(*texts):
    return [read_polymer(text).polymer for text in texts]


def read_all(read, texts):
    kept = []
    for text in texts:
        try:
            kept.append(read(text))
        except InvalidMaterialError:
            continue
    return kept


def test_all_descriptors_of_shared_materials_are_finite():
    units = [intake.polymer for intake in read_all(read_polymer, column("poly_tg_exp", "smiles", 120))]
    known = [intake.molecule for intake in read_all(read_molecule, column("mol_esol", "smiles", 60))]
    alloys = [intake.composition for intake in read_all(read_composition, column("alloys_steels", "composition", 30))]
    odd = molecules("C[Mg]Br", "[Na]Cl", "[H][H]", "FS(F)(F)(F)(F)F", "B", "C[Sn](C)(C)C", "[C-]#[O+]")
    for rows, names in (
        (describe_polymers(units), POLYMER_DESCRIPTOR_NAMES),
        (describe_molecules([*known, *odd]), MOLECULE_DESCRIPTOR_NAMES),
        (describe_compositions(alloys), COMPOSITION_DESCRIPTOR_NAMES),
    ):
        assert rows.shape[1] == len(names) == len(set(names))
        assert np.isfinite(rows).all()
        assert np.abs(rows).max() < 1e5
    assert np.isfinite(count_chain_surroundings(units)).all()


def test_no_material_has_no_rows():
    assert describe_molecules([]).shape == (0, len(MOLECULE_DESCRIPTOR_NAMES))
    assert describe_polymers([]).shape == (0, len(POLYMER_DESCRIPTOR_NAMES))
    assert describe_compositions([]).shape == (0, len(COMPOSITION_DESCRIPTOR_NAMES))
    assert fractions_of([]).shape == (0, 118)


def test_compositions_are_described_by_their_fractions_alone():
    one, other = describe_compositions(compositions("Li6.4La3Zr1.4Ta0.6O12", "O60La15Li32Ta3Zr7"))
    assert one == pytest.approx(other, abs=0)
    names = dict(zip(COMPOSITION_DESCRIPTOR_NAMES, describe_compositions(compositions("Fe4O6"))[0], strict=True))
    assert names["mean_atomic_mass"] == pytest.approx(0.4 * 55.845 + 0.6 * 15.999, abs=0.01)
    assert names["n_elements"] == 2


def test_fractions_count_atoms_or_mass():
    (water,) = compositions("H2O")
    assert fractions_of([water])[0, [0, 7]] == pytest.approx([2 / 3, 1 / 3])
    assert weight_fractions_of([water])[0, 7] == pytest.approx(15.9994 / 18.0152, abs=1e-4)


def test_molecules_are_described_the_same_however_they_are_written():
    spellings = molecules("OC(=O)c1ccccc1Cl", "c1(Cl)c(C(O)=O)cccc1", "C1=CC=C(Cl)C(C(=O)O)=C1")
    counts = count_surroundings(spellings)
    assert (counts == counts[0]).all()
    # Sums run over bonds in the order of the text: equal but for their last digits.
    first, *others = describe_molecules(spellings)
    assert all(row == pytest.approx(first, rel=1e-12, abs=1e-12) for row in others)
    named = dict(zip(MOLECULE_DESCRIPTOR_NAMES, describe_molecules(molecules("CCO"))[0], strict=True))
    assert named["MolWt"] == pytest.approx(46.07, abs=0.01)


@pytest.mark.parametrize(
    "spellings",
    [("*CCO*", "*COC*", "*OCCOCC*"), ("*CC*", "*C*"), ("*CC* 0.7; *CCO* 0.3", "*COC* 3; *CCCC* 3.5; ratio")],
)
def test_polymers_are_described_the_same_wherever_they_are_cut(spellings):
    chains = polymers(*spellings)
    for first, *others in (describe_polymers(chains), count_chain_surroundings(chains)):
        assert all(row == pytest.approx(first, rel=1e-12, abs=1e-12) for row in others)


def test_open_ends_are_no_atoms():
    values = dict(zip(POLYMER_DESCRIPTOR_NAMES, describe_polymers(polymers("*CC(*)c1ccccc1"))[0], strict=True))
    assert values["NumHeteroatoms_per_atom"] == 0
    assert values["backbone_share"] == pytest.approx(2 / 8)
    assert values["longest_side_chain"] == 4
    assert values["n_side_chains_per_backbone_atom"] == pytest.approx(1 / 2)
    assert Chem.MolToSmiles(closed_unit(polymers("*CCO*")[0].units[0])) == "COCCO"


@pytest.mark.parametrize("smiles", ["*CC(*)c1ccccc1", "*C*", "*n1ccnc1*", "*c1ccc(*)[nH]1", "*C=C*"])
def test_surroundings_are_those_inside_a_long_chain(smiles):
    """What a unit adds to a chain of capped repeats is what an endless chain has a unit."""
    counts = count_chain_surroundings(polymers(smiles))[0]
    longer, shorter = (count_surroundings(molecules(capped_chain(smiles, n)))[0] for n in (14, 13))
    assert (longer - shorter == counts).all()


def capped_chain(smiles: str, n: int) -> str:
    graph = Chem.MolFromSmiles("C[1*]".replace("[1*]", "[*:1]"))
    for place in range(1, n + 1):
        unit = Chem.MolFromSmiles(smiles)
        for end, label in zip((a for a in unit.GetAtoms() if not a.GetAtomicNum()), (place, place + 1), strict=True):
            end.SetAtomMapNum(label)
        graph = Chem.molzip(graph, unit)
    cap = Chem.MolFromSmiles(f"C[*:{n + 1}]")
    return Chem.MolToSmiles(Chem.molzip(graph, cap))
