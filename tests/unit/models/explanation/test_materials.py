"""Explanations of molecules, polymers and compositions: they add up, find the truth, and respect symmetry."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from rdkit import Chem

from epitaxy_models.compositions import read_composition
from epitaxy_models.errors import InvalidMaterialError
from epitaxy_models.explanation.materials import game
from epitaxy_models.explanation.materials.answers import SubstrateAnswers
from epitaxy_models.explanation.materials.chemistry import PartedChemistry
from epitaxy_models.explanation.materials.explainer import explain_chemistry, explain_composition
from epitaxy_models.explanation.materials.explainers import explain_by_substrate
from epitaxy_models.explanation.materials.graph_parts import PartedGraph
from epitaxy_models.explanation.materials.shapley import exact_shares, sampled_shares
from epitaxy_models.materials import MaterialKind
from epitaxy_models.materials.reading import read_material
from epitaxy_models.molecules import read_molecule
from epitaxy_models.polymers import read_polymer
from epitaxy_models.substrates.shipped import shipped_compositional, shipped_molecular, shipped_substrate
from epitaxy_models.transfer.conditions.condition import Condition
from epitaxy_models.transfer.kinds.sample import Sample

CITRIC_ACID = "OC(=O)CC(O)(C(=O)O)CC(=O)O"
DATA = Path(__file__).parents[5] / "shared" / "data"
HEAT = Condition("heat", "K", (), 0.0, 10.0)


def counted(variants):
    """Heteroatoms, half a unit for each double bond of a molecule that is not aromatic, and a tenth of the heat."""
    rows = []
    for variant in variants:
        units = getattr(variant.material, "units", None) or [variant.material]
        n_other = sum(atom.GetAtomicNum() not in (0, 6) for unit in units for atom in unit.graph.GetAtoms())
        double = [bond.GetBondType() == Chem.BondType.DOUBLE for unit in units for bond in unit.graph.GetBonds()]
        rows.append(n_other + 0.5 * sum(double) + 0.1 * variant.stated.get("heat", 0.0))
    values = np.array(rows, dtype=np.float64)
    return np.column_stack([values, values, 2 * values])


def total(explanation):
    """Of all shares that are to add up."""
    elements = () if explanation.atoms else explanation.elements
    parts = (*explanation.atoms, *explanation.bonds, *elements, *explanation.conditions)
    return sum(part.spread.value for part in parts)


@pytest.mark.parametrize("text", ["CC(=O)Nc1ccc(O)cc1", CITRIC_ACID, "O=C(O)CN(CC(=O)O)CCN(CC(=O)O)CC(=O)O"])
def test_an_additive_property_of_a_molecule_is_found_atom_by_atom(text) -> None:
    found = explain_chemistry(read_molecule(text).molecule, counted, {"heat": 7.0}, (HEAT,))
    for atom in found.atoms:
        assert atom.spread.value == pytest.approx(float(atom.symbol != "C"), abs=1e-9)
    for bond in found.bonds:
        assert bond.spread.value == pytest.approx(0.5 * (bond.order == 2.0), abs=1e-9)
    assert [(c.name, c.text, c.unit) for c in found.conditions] == [("heat", "7", "K")]
    assert found.conditions[0].spread.value == pytest.approx(0.7)
    assert (found.baseline, total(found)) == (0.0, pytest.approx(found.value))
    assert found.elements[0].atomic_number == 8
    # Members that say twice as much disagree by as much.
    oxygen = next(atom for atom in found.atoms if atom.symbol == "O")
    assert oxygen.spread.std == pytest.approx(np.std([1, 2], ddof=1))
    assert "<svg" in found.drawing


def test_a_linear_rule_of_mixture_is_found_element_by_element() -> None:
    worth = {13: 5.0, 26: 1.0, 27: -2.0, 28: 3.0}

    def mixed(variants):
        shares = [zip(v.material.atomic_numbers, v.material.fractions, strict=True) for v in variants]
        values = np.array([sum(worth[z] * x for z, x in pairs) for pairs in shares])
        values += np.array([variant.stated.get("heat", 4.0) for variant in variants])
        return np.column_stack([values, values])

    average = {13: 1.0, 26: 2.0, 27: 3.0, 28: 4.0}
    mean = sum(worth[z] * x / 10 for z, x in average.items())
    alloy = read_composition("Al0.25CoFeNi").composition
    found = explain_composition(alloy, mixed, {"heat": 9.0}, average, "the labels", (HEAT,))
    for element in found.elements:
        truth = element.fraction * (worth[element.atomic_number] - mean)
        # Compositions near a simple ratio are taken for it, which moves a share by up to 0.0007.
        assert element.spread.value == pytest.approx(truth, abs=5e-3)
    assert found.conditions[0].spread.value == pytest.approx(5.0, abs=5e-3)
    assert found.baseline == pytest.approx(mean + 4.0)
    assert total(found) == pytest.approx(found.value - found.baseline, abs=1e-9)
    assert found.baseline_words == "the average composition of the labels; heat not stated"


def test_drawn_orders_agree_with_all_subsets_and_add_up() -> None:
    weights = np.array([1.0, -2.0, 0.5, 0.0, 3.0, 1.5])

    def answers_of(present):
        linear = present @ weights
        return (linear + 3.0 * present[:, 0] * present[:, 4] * present[:, 5])[:, None]

    exact, drawn = exact_shares(answers_of, 6), sampled_shares(answers_of, 6, seed=3)
    np.testing.assert_allclose(exact.values[:, 0], weights + np.array([1, 0, 0, 0, 1, 1]), atol=1e-9)
    assert abs(drawn.values - exact.values).max() < 4 * drawn.errors.max() + 1e-9
    assert drawn.errors.max() > 0
    assert (drawn.completeness_error, exact.completeness_error) == (pytest.approx(0), pytest.approx(0))


def test_equal_atoms_share_equally_although_orders_are_drawn() -> None:
    answers = SubstrateAnswers(shipped_molecular(), "log_partition")
    found = explain_chemistry(read_molecule(CITRIC_ACID).molecule, answers, {})
    assert found.sampling_error > 0
    assert "random orders" in found.method
    molecule = read_molecule(CITRIC_ACID).molecule.graph
    ranks = list(Chem.CanonicalRankAtoms(molecule, breakTies=False))
    for rank in set(ranks):
        values = {round(atom.spread.value, 9) for atom, own in zip(found.atoms, ranks, strict=True) if own == rank}
        assert len(values) == 1
    assert total(found) == pytest.approx(found.value - found.baseline, abs=1e-6)
    substrate = shipped_molecular()
    graph = [substrate.featurize(read_molecule(CITRIC_ACID).molecule)]
    served = substrate.predict([None], graph, substrate.embed(graph), 0.9).values[0, 3]
    assert found.value == pytest.approx(served, abs=1e-4)


def test_atoms_that_the_endless_chain_makes_equal_are_equal() -> None:
    unit = PartedGraph(read_polymer("*OCOCC*").polymer.units[0].graph)
    first, second = (part.rank for part in unit.parts)
    assert first == second
    # In the molecule of that unit they differ.
    molecule = PartedGraph(read_molecule("COCOCC").molecule.graph)
    assert molecule.parts[0].rank != molecule.parts[1].rank


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (MaterialKind.MOLECULE, ("OC(=O)c1ccccc1", "c1ccc(cc1)C(O)=O")),
        (MaterialKind.POLYMER, ("*CC(*)(C)C(=O)OC", "*C(C)(C(=O)OC)CC(C)(C(=O)OC)C*")),
        (MaterialKind.COMPOSITION, ("Al0.25CoFeNi", "Ni4Fe4Co4Al")),
    ],
)
def test_no_spelling_and_no_cut_changes_an_explanation(kind, texts) -> None:
    name = "band_gap" if kind is MaterialKind.COMPOSITION else "refractive_index_liquid"
    one, other = (
        explain_by_substrate(Sample(kind, read_material(kind, text).material), name, 2, shipped_substrate(kind))
        for text in texts
    )
    assert one == other
    assert [material.distance for material in one.nearest] == sorted(material.distance for material in one.nearest)
    assert len(one.nearest) == 2
    assert total(one) == pytest.approx(one.value - one.baseline, abs=1e-6)
    assert one.faithfulness.n_parts == {"molecule": 4, "polymer": 3, "composition": 4}[kind]


def test_the_nearest_known_compositions_are_told_with_their_values() -> None:
    sample = Sample(MaterialKind.COMPOSITION, read_material(MaterialKind.COMPOSITION, "Fe2O3").material)
    first, second = explain_by_substrate(sample, "formation_energy", 2, shipped_compositional()).nearest
    assert (first.formula, first.distance) == ("Fe2O3", pytest.approx(0, abs=1e-6))
    assert first.id.startswith("mp-")
    assert "formation_energy" in first.labels
    assert 0 < second.distance < 0.1


@pytest.mark.parametrize(
    ("text", "bare", "n_parts"),
    [
        ("CCCCCC", "CCCCCC", 0),
        ("O=[N+]([O-])c1ccccc1", "CC(C)C1CCCCC1", 3),
        ("CS(=O)(=O)C", "CC(C)(C)C", 3),
        ("FS(F)(F)(F)(F)F", "CS(C)(C)(C)(C)C", 6),
        ("c1cc[nH]c1", "C1CCCC1", 2),
        ("C[N+](C)(C)CC(=O)[O-]", "CC(C)CC(C)(C)C", 3),
        ("[C-]#[N+]C", "CCC", 1),
        ("N#Cc1ccncc1", "CCC1CCCCC1", 4),
        ("[O-][n+]1ccccc1", "CC1CCCCC1", 2),
    ],
)
def test_parts_are_what_differs_from_a_saturated_hydrocarbon(text, bare, n_parts) -> None:
    graph = PartedGraph(read_molecule(text).molecule.graph)
    assert len(graph.parts) == n_parts
    expected = Chem.CanonSmiles(bare)
    assert Chem.CanonSmiles(graph.without(range(n_parts))) == expected
    # Every part alone leaves a molecule that intake takes.
    for part in range(n_parts):
        read_molecule(graph.without([part]))


@pytest.mark.parametrize(
    ("name", "read"),
    [("mol_esol", read_molecule), ("mol_cep_pce", read_molecule), ("poly_tg_exp", read_polymer)],
)
def test_every_variant_of_real_materials_is_one_that_intake_takes(name, read) -> None:
    path = DATA / f"{name}.parquet"
    if not path.exists():
        pytest.skip("no shared data")
    texts = pq.read_table(path, columns=["smiles"])["smiles"].to_pylist()
    for text in texts[:: len(texts) // 12]:
        material = getattr(read(text), "molecule", None) or read(text).polymer
        parted = PartedChemistry(material)
        n_parts = len(parted.ranks)
        assert parted.left(np.ones(n_parts, dtype=np.bool_)) == parted.material
        alone, missing = np.eye(n_parts, dtype=np.bool_), ~np.eye(n_parts, dtype=np.bool_)
        for present in (*alone, *missing, np.zeros(n_parts, dtype=np.bool_)):
            parted.left(present)


def test_elements_are_counted_against_what_the_substrate_saw() -> None:
    assert shipped_compositional().element_counts[8] == shipped_compositional().element_counts.max()


def test_a_material_of_too_many_parts_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(game, "MAX_PARTS", 3)
    with pytest.raises(InvalidMaterialError, match="10 parts are more than the 3"):
        explain_chemistry(read_molecule(CITRIC_ACID).molecule, counted, {})
