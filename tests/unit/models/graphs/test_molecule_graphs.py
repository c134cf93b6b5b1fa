"""Graphs of many molecules at once are those that are built atom by atom, and alike nodes get equal embeddings."""

import numpy as np
import pytest
from material_cases import column

from epitaxy_models.backbones import fused
from epitaxy_models.compositions import text as composition_text
from epitaxy_models.compositions.text import read_composition
from epitaxy_models.errors import EpitaxyError, UnsupportedElementError
from epitaxy_models.graphs.batch import collate
from epitaxy_models.graphs.depth_classes import alike_nodes, every_node
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.graphs.smiles_atoms import read_smiles_atoms
from epitaxy_models.materials import MaterialKind
from epitaxy_models.substrates.shipped import shipped_molecular

# Charges, hypervalent and aromatic atoms, hydrogens by rule and in brackets, closures beyond nine, stereo marks.
ODD = (
    "C[N+](=O)[O-]", "CS(=O)(=O)O", "CP(=O)(O)OC", "FS(F)(F)(F)(F)F", "O=c1cc[nH]c(=O)[nH]1", "c1cc[se]c1",
    "C[Si](C)(C)O[Si](C)(C)C", "N[C@@H](C)C(=O)O", "F/C=C/Cl", "C#N", "[C-]#[O+]", "B(O)(O)c1ccccc1", "CI(=O)=O",
    "c1ccc2c(c1)[nH]c1ccccc12", "C[S@](=O)c1ccccc1", "O=S1(=O)N=C(Cl)c2ccccc21", "Br", "C", "CC(C)(C)[N+]#[C-]",
    "C12C3C4C1C5C2C3C45", "[GeH4]", "C[Sn](C)(C)C", "c1ccccc1-c1ccccc1", "O=I(=O)c1ccccc1", "[2H]OC", "P",
    "C1CC2CCC1CC2", "N1=NN=NN1", "c1cnc2nccnc2n1", "S=C=S", "C[As](C)C",
)  # fmt: skip
CHAINS = ("*CC*", "*C*", "*=CC=*", "*CC(*)c1ccccc1", "*CC* 0.7; *CC(*)C 0.3", "*N=P(*)(Cl)Cl", "*C([2H])C*")


def _edges(graph: CrystalGraph) -> list[list[tuple[int, float, float]]]:
    spans = zip(graph.rows[:-1].tolist(), graph.rows[1:].tolist(), strict=True)
    rows = list(zip(graph.sources.tolist(), graph.distances.tolist(), graph.weights.tolist(), strict=True))
    return [sorted(rows[first:last]) for first, last in spans]


def _materials(texts: tuple[str, ...]) -> list[object]:
    found: list[object] = []
    for text in texts:
        try:
            found.append(shipped_molecular().intake(text))
        except EpitaxyError:
            continue
    return found


@pytest.mark.parametrize(
    "texts",
    [
        ODD + CHAINS,
        column("mol_cep_pce", "smiles", 150),
        column("mol_esol", "smiles", 300),
        column("poly_tg_exp", "smiles", 80),
    ],
    ids=["odd", "large", "small", "chains"],
)
def test_graphs_of_many_materials_are_those_built_atom_by_atom(texts: tuple[str, ...]) -> None:
    substrate, materials = shipped_molecular(), _materials(texts)
    assert len(materials) > 0.9 * len(texts)
    for material, found in zip(materials, substrate.featurize_all(materials), strict=True):
        try:
            expected = substrate.featurize(material)
        except UnsupportedElementError as refusal:
            expected = refusal
        if isinstance(expected, UnsupportedElementError):
            assert str(found) == str(expected)
            continue
        assert found.key == expected.key
        for name in ("atomic_numbers", "multiplicities", "rows"):
            one, other = getattr(found, name), getattr(expected, name)
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other, err_msg=material.key)
        assert _edges(found) == _edges(expected), material.key


def test_what_the_reader_does_not_know_is_left_to_rdkit() -> None:
    keys = ["CCO", "C.C", "[13CH4]", "C~C", "[NH3]->[BH3]", "C(", "C1CC", "[CH3:1]C", "C$C", "é"]
    assert read_smiles_atoms(keys).is_read.tolist() == [True] + [False] * (len(keys) - 1)


def test_alike_nodes_are_taken_through_a_layer_once_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    substrate = shipped_molecular()
    graphs = substrate.featurize_all(_materials((*column("mol_esol", "smiles", 60), "c1ccccc1", *CHAINS)))
    batch = collate(graphs)
    classes = alike_nodes(batch, 4)
    # After one layer many molecules share their groups; after all, the symmetric atoms of one molecule.
    assert classes.counts[0] < 0.6 * len(batch.atomic_numbers)
    assert (np.diff(classes.counts) >= 0).all()
    benzene = alike_nodes(collate(substrate.featurize_all([substrate.intake("c1ccccc1")])), 4)
    assert benzene.counts.tolist() == [2, 2, 2, 2]
    shared = substrate.embed(graphs)
    monkeypatch.setattr(fused, "alike_nodes", lambda batch, n: every_node(len(batch.atomic_numbers), n))
    np.testing.assert_allclose(shared, substrate.embed(graphs), atol=1e-5)


def test_answers_of_kept_readings_are_those_of_embeddings() -> None:
    substrate, materials = shipped_molecular(), _materials(("CCO", "CCCCCCCCCCCCCCCCCCCCCC", "C[Sn](C)(C)C"))
    graphs = substrate.featurize_all(materials)
    embeddings = substrate.embed(graphs)
    whole = substrate.predict(materials, graphs, embeddings, 0.8)
    kept = substrate.answer(substrate.readings(graphs, embeddings), 0.8, judged_at=0.5)
    for name in ("values", "lower", "upper", "stds"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(kept, name))
    assert whole.domains == kept.domains == substrate.domains(materials, graphs, embeddings)
    assert (kept.judged_widths < kept.upper - kept.lower).all()


def test_plain_formulas_are_read_as_the_whole_grammar_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = (
        "Fe At",
        "CuSO4.5H2O",
        "D2O",
        "Fe0",
        "Al0.25 Co1 Fe1 Ni1",
        "Xx2",
        "Fe2 O3",
        "HfNbTaTiZr0.5",
        "NiFe 2",
        "Bal",
    )
    texts += column("comp_expt_gap", "composition", 200) + column("alloys_mpea", "composition", 100)
    quick = [_read(text) for text in texts]
    monkeypatch.setattr(composition_text, "plain_formula", lambda text: None)
    assert quick == [_read(text) for text in texts]


def _read(text: str) -> tuple[object, ...]:
    try:
        intake = read_composition(text)
    except EpitaxyError as error:
        return error.reason, error.message
    return intake.composition, intake.repairs, intake.notes, MaterialKind.COMPOSITION
