"""One key for one molecule, whatever its SMILES; refusals with reason and remedy; no input stalls the reader."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from material_cases import column
from rdkit import Chem

from epitaxy_models.errors import InvalidMaterialError
from epitaxy_models.molecules import MoleculeLimits, read_molecule

SMILES = [*column("mol_esol", "smiles", 80), *column("mol_cep_pce", "smiles", 40)]
FULLERENE = (
    "c12c3c4c5c1c1c6c7c2c2c8c3c3c9c4c4c%10c5c5c1c1c6c6c%11c7c2c2c7c8c3c3c8c9c4c4c9c%10c5c5c1c1c6c6c%11c2c2c7c3c3c8c4c4"
    "c9c5c1c1c6c2c3c41"
)


def key(text: str) -> str:
    return read_molecule(text).molecule.key


def test_random_spellings_of_shared_molecules_have_their_key():
    for smiles in SMILES:
        graph = Chem.MolFromSmiles(smiles)
        known = key(smiles)
        for spelling in Chem.MolToRandomSmilesVect(graph, 4, randomSeed=3):
            assert key(spelling) == known, (smiles, spelling)
        kekulized = Chem.Mol(graph)
        Chem.Kekulize(kekulized, clearAromaticFlags=True)
        assert key(Chem.MolToSmiles(kekulized, kekuleSmiles=True)) == known
        assert key(Chem.MolToSmiles(Chem.AddHs(graph))) == known
        assert key(Chem.MolToMolBlock(graph)) == known
        assert key(known) == known


def test_atoms_are_in_the_order_of_the_key_whatever_the_spelling():
    graphs = [read_molecule(text).molecule.graph for text in ("OC(=O)c1ccccc1Cl", "c1(Cl)c(C(O)=O)cccc1")]
    assert len({tuple(atom.GetAtomicNum() for atom in graph.GetAtoms()) for graph in graphs}) == 1


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("F/C=C/F", "F\\C=C\\F", True),
        ("F/C=C/F", "F/C=C\\F", False),
        ("F/C=C/F", "FC=CF", False),
        ("C[C@H](F)Cl", "F[C@@H](C)Cl", True),
        ("C[C@H](F)Cl", "C[C@@H](F)Cl", False),
        ("C[C@H](F)Cl", "CC(F)Cl", False),
        ("CN(=O)=O", "C[N+](=O)[O-]", True),
        ("[2H]O[2H]", "O", True),
        # Tautomers are what they are written as.
        ("CC(=O)C", "CC(O)=C", False),
        ("Cc1[nH]cnc1", "Cc1nc[nH]c1", False),
    ],
)
def test_policy_on_isomers_tautomers_and_isotopes(one, other, is_same):
    assert (key(one) == key(other)) == is_same


def test_isomers_share_their_constitution():
    texts = ("C[C@H](F)C/C=C/C", "C[C@@H](F)C/C=C\\C", "CC(F)CC=CC")
    assert {read_molecule(text).molecule.constitution for text in texts} == {key("CC(F)CC=CC")}


@pytest.mark.parametrize(
    ("text", "reason", "remedy"),
    [
        ("", "EMPTY_MOLECULE", "give one"),
        ("C1CC", "UNREADABLE_SMILES", "ring closures"),
        ("C(C", "UNREADABLE_SMILES", "parentheses"),
        ("[CH3", "UNREADABLE_SMILES", "brackets"),
        ("InChI=1S/CH4/h1H4", "UNREADABLE_SMILES", "give SMILES"),
        ("CC>>CO", "UNREADABLE_SMILES", "reaction"),
        ("[Xx]C", "UNKNOWN_ELEMENT", "not an element"),
        ("CC(C)(C)(C)C", "IMPOSSIBLE_VALENCE", "too many bonds at C"),
        ("c1cccc1", "IMPOSSIBLE_AROMATICITY", "hydrogen"),
        ("[NH4+]", "CHARGED_MOLECULE", "net charge"),
        ("CC(=O)[O-].[Na+]", "SALT", "neutral parent"),
        ("CCO.O", "SEVERAL_MOLECULES", "without solvent"),
        ("CC\nCO", "SEVERAL_MOLECULES", "several lines"),
        ("C[CH2]", "RADICAL", "unpaired electron"),
        ("*CC*", "WILDCARD_COUNT", "as a polymer"),
        ("C~C", "QUERY", "pattern"),
        ("C" * 301, "TOO_MANY_ATOMS", "leave it out"),
        ("C1CC1" * 61, "TOO_MANY_RINGS", "leave it out"),
        ("C" * 2001, "TOO_LARGE", "one molecule"),
    ],
)
def test_refusals_name_reason_and_remedy(text, reason, remedy):
    with pytest.raises(InvalidMaterialError, match=remedy) as caught:
        read_molecule(text)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[13CH4]", "DROPPED_ISOTOPES"),
        ("[CH3:1][OH:2]", "DROPPED_ATOM_MAPS"),
        ("CCO ethanol", "DROPPED_NAME"),
        ("CN(=O)=O", "SEPARATED_CHARGES"),
        ("C[C@H](C)C", "DROPPED_STEREO"),
    ],
)
def test_repairs_are_told(text, code):
    assert [repair.code for repair in read_molecule(text).repairs] == [code]


@pytest.mark.parametrize("text", ["CCO", "c1ccccc1", "C[N+](=O)[O-]", "F/C=C/F", "C[C@H](F)Cl", "[H][H]", "[C-]#[O+]"])
def test_nothing_is_told_of_a_plain_molecule(text):
    assert read_molecule(text).repairs == ()


def test_no_text_stalls_the_reader(capfd):
    cage = "C1" + "".join(f"C{n % 9 + 1}" for n in range(290))
    texts = ["C" + "(" * 900 + "C" + ")" * 900, "c1" + "c" * 290 + "1", "c1ccnc1" * 50, "C1CC2CC3CC4CC(C1)C2C3C4", cage]
    texts += ["[C@@H](O)" * 140 + "C", "P" + "(C)" * 250, "C%11" * 400, "C=" * 800, "[" * 1500, "1" * 1500]
    texts += ["C" + "%99" * 500, FULLERENE]
    begin = time.perf_counter()
    for text in texts:
        try:
            read_molecule(text)
        except InvalidMaterialError:
            continue
    assert time.perf_counter() - begin < 10.0
    assert capfd.readouterr().err == ""


def test_threads_read_what_one_thread_reads():
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(key, SMILES * 4)) == [key(text) for text in SMILES] * 4


def test_limits_are_positive():
    with pytest.raises(ValueError, match="max_rings must be positive"):
        MoleculeLimits(max_rings=0)
