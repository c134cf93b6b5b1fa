"""One key for one polymer, wherever its unit is cut and however often it is repeated."""

import random
import time
from itertools import pairwise

import pytest
from material_cases import column
from rdkit import Chem

from epitaxy_models.errors import InvalidMaterialError
from epitaxy_models.polymers import Arrangement, read_polymer

SMILES = [*column("poly_tg_exp", "smiles", 90), *column("poly_pi1070_radonpy", "smiles", 30)]


def key(text: str) -> str:
    return read_polymer(text).polymer.key


def test_recut_repeated_and_rewritten_units_of_shared_polymers_have_their_key():
    rng = random.Random(5)
    n_recut = 0
    for smiles in SMILES:
        plain = Chem.MolToSmiles(Chem.MolFromSmiles(smiles), isomericSmiles=False)
        try:
            known = key(plain)
        except InvalidMaterialError:
            continue
        recut = recut_chain(plain, n_repeats=rng.choice([1, 2, 3]) if len(plain) < 90 else 1, rng=rng)
        n_recut += recut != Chem.CanonSmiles(plain)
        assert key(recut) == known, (plain, recut)
        assert key(known) == known
        assert read_polymer(smiles).polymer.constitution == known
    assert n_recut > len(SMILES) / 2


def recut_chain(smiles: str, n_repeats: int, rng: random.Random) -> str:
    """A chain of repeats closed to a ring and cut at some other bond of its backbone, by plain edits of a graph."""
    graph = Chem.RWMol()
    ends: list[tuple[int, int]] = []
    for _ in range(n_repeats):
        offset = graph.GetNumAtoms()
        graph.InsertMol(Chem.MolFromSmiles(smiles))
        dummies = [i for i in range(offset, graph.GetNumAtoms()) if not graph.GetAtomWithIdx(i).GetAtomicNum()]
        ends.append((dummies[0], dummies[1]))
    order = graph.GetAtomWithIdx(ends[0][0]).GetBonds()[0].GetBondType()
    for (_, last), (first, _) in pairwise(ends):
        graph.AddBond(_held(graph, last), _held(graph, first), order)
    for dummy in sorted([e for pair in ends for e in pair if e not in (ends[0][0], ends[-1][1])], reverse=True):
        graph.RemoveAtom(dummy)
    first, last = (atom.GetIdx() for atom in graph.GetAtoms() if not atom.GetAtomicNum())
    path = Chem.GetShortestPath(graph, first, last)[1:-1]
    Chem.FastFindRings(graph)
    pairs = [(a, b) for a, b in pairwise(path) if not graph.GetBondBetweenAtoms(a, b).IsInRing()]
    pairs = [pair for pair in pairs if graph.GetBondBetweenAtoms(*pair).GetBondType() == Chem.BondType.SINGLE]
    if pairs:
        a, b = rng.choice(pairs)
        graph.RemoveBond(a, b)
        heads = _held(graph, first), _held(graph, last)
        graph.RemoveBond(first, heads[0])
        graph.RemoveBond(last, heads[1])
        graph.AddBond(*heads, order)
        graph.AddBond(first, a, Chem.BondType.SINGLE)
        graph.AddBond(last, b, Chem.BondType.SINGLE)
    Chem.SanitizeMol(graph)
    return Chem.MolToRandomSmilesVect(graph.GetMol(), 1, randomSeed=rng.randrange(10**6))[0]


def _held(graph: Chem.Mol, end: int) -> int:
    return graph.GetAtomWithIdx(end).GetNeighbors()[0].GetIdx()


@pytest.mark.parametrize(
    ("spellings", "known"),
    [
        (("*CC*", "*C*", "*CCCCCC*", "[1*]CC[2*]", "[*:1]C[*:2]"), "*C*"),
        (("*CC(*)c1ccccc1", "*C(c1ccccc1)C*", "*C(CC(C*)c1ccccc1)c1ccccc1"), "*CC(*)c1ccccc1"),
        (("*CCO*", "*COC*", "*OCCOCC*"), "*CCO*"),
        (("*C=C*", "*=CC=*", "*C=CC=C*"), "*C=C*"),
        (("*C#C*", "*#CC#*"), "*C#C*"),
        (("*NC(=O)CCCCC(=O)NCCCCCC*", "*CCCCCCNC(=O)CCCCC(=O)N*"), "*NCCCCCCNC(=O)CCCCC(*)=O"),
        (("*[Si](C)(C)O*", "*O[Si](C)(C)O[Si](*)(C)C"), "*O[Si](*)(C)C"),
        (("*C/C=C/C*", "*/C=C/CC*", "*/C=C/CC/C=C/CC*"), "*/C=C/CC*"),
        (("*C/C=C\\C*", "*/C=C\\CC*"), "*/C=C\\CC*"),
        (("*C[C@H](C)*", "*[C@H](C)C*", "*C[C@H](C)C[C@H](C)*", "*C[C@@H](*)C"), "*C[C@@H](*)C"),
        (("*C[C@H](C)C[C@@H](C)*", "*[C@H](C)C[C@@H](C)C*"), "*C[C@H](C)C[C@H](*)C"),
    ],
)
def test_spellings_of_one_polymer_have_one_key(spellings, known):
    assert {key(text) for text in spellings} == {known}


def test_cis_trans_and_tacticity_differ_and_share_their_constitution():
    butadienes = [read_polymer(text).polymer for text in ("*C/C=C/C*", "*C/C=C\\C*", "*CC=CC*")]
    assert len({polymer.key for polymer in butadienes}) == 3
    assert {polymer.constitution for polymer in butadienes} == {"*C=CCC*"}
    syndiotactic = read_polymer("*C[C@H](C)C[C@@H](C)*").polymer
    assert syndiotactic.constitution == key("*CC(*)C")


@pytest.mark.parametrize(
    ("spellings", "known"),
    [
        (
            (
                "*CC* 0.7; *CC(*)C 0.3",
                "*CC(*)C 30; *CC* 70; random",
                "*C(C)C* 3; *CCCC* 3.5; random ratio",
            ),
            "*C* 14; *CC(*)C 3; random ratio",
        ),
        (("*CC* 0.7; *CC(*)C 0.3; block",), "*C* 14; *CC(*)C 3; block ratio"),
        (("*CCO* 0.4; *OCC* 0.6", "*CCO* 1; random"), "*CCO*"),
    ],
)
def test_copolymers_do_not_depend_on_order_scale_and_cut(spellings, known):
    assert {key(text) for text in spellings} == {known}
    assert key(known) == known


def test_fractions_by_weight_count_masses():
    polymer = read_polymer("*CCO* 50; *CC(*)C 50; wt").polymer
    assert polymer.arrangement is Arrangement.RANDOM
    ethylene_oxide, propylene = 44.053, 42.081
    assert polymer.fractions[0] == pytest.approx(1 / propylene / (1 / propylene + 1 / ethylene_oxide), abs=1e-3)


@pytest.mark.parametrize(
    ("text", "reason", "remedy"),
    [
        ("", "EMPTY_POLYMER", "give one"),
        ("CC*", "WILDCARD_COUNT", "1 open ends"),
        ("*CC(*)*", "WILDCARD_COUNT", "3 open ends"),
        ("CCO", "WILDCARD_COUNT", "0 open ends"),
        ("*C(*C)", "MALFORMED_END", "end of a bond"),
        ("**", "MALFORMED_END", "end of a bond"),
        ("*=CC*", "ENDS_DO_NOT_FIT", "same order"),
        ("*CC(*)C(=O)[O-].[Na+]", "SALT", "counter-ion"),
        ("*CC(*)C(=O)[O-]", "CHARGED_MOLECULE", "net charge -1"),
        ("*CC(*)[CH2]", "RADICAL", "unpaired"),
        ("*c1cccc1*", "IMPOSSIBLE_AROMATICITY", "hydrogen"),
        ("*CC* 0.7; *CC(*)C 0.2", "FRACTIONS_DO_NOT_ADD_UP", "add up to 0.9"),
        ("*CC*; *CC(*)C", "FRACTIONS_DO_NOT_ADD_UP", "no positive fraction"),
        ("*CC* -1; *CC(*)C 2", "FRACTIONS_DO_NOT_ADD_UP", "no positive fraction"),
        ("*CC* 0.7; *CC(*)C 0.3; random block", "FRACTIONS_DO_NOT_ADD_UP", "how the units"),
        ("*CC* 1;" * 11, "TOO_MANY_UNITS", "rare ones"),
    ],
)
def test_refusals_name_reason_and_remedy(text, reason, remedy):
    with pytest.raises(InvalidMaterialError, match=remedy) as caught:
        read_polymer(text)
    assert caught.value.reason == reason


def test_repairs_are_told():
    assert [repair.code for repair in read_polymer("*CCOCCO*").repairs] == ["SHORTENED_UNIT"]
    assert [repair.code for repair in read_polymer("*CCO* 40; *OCC* 60").repairs] == ["MERGED_UNITS"]
    assert read_polymer("*CC(*)C").repairs == ()


def test_ends_of_a_unit_name_the_atoms_that_the_chain_joins():
    unit = read_polymer("*CC(*)C").polymer.units[0]
    assert unit.n_atoms == 3
    assert not any(unit.graph.GetAtomWithIdx(end).GetAtomicNum() for end in unit.ends)
    (methylene,) = read_polymer("*C*").polymer.units
    assert methylene.joined_atoms[0] == methylene.joined_atoms[1]


def test_a_long_unit_takes_no_longer_than_it_must():
    begin = time.perf_counter()
    assert key("*" + "CCO" * 90 + "*") == "*CCO*"
    assert key("*" + "".join(f"C({'C' * (n % 7 + 1)})" for n in range(45)) + "*").count("*") == 2
    assert time.perf_counter() - begin < 5.0
