"""Candidates by ionic substitution, judged by compounds that everybody knows."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import pytest

from epitaxy_models.candidates.candidate import Candidate
from epitaxy_models.candidates.charges import ionic_crystal
from epitaxy_models.candidates.generated import GeneratedSet
from epitaxy_models.candidates.known import shipped_materials
from epitaxy_models.candidates.making import SubstitutionOptions, SubstitutionRun
from epitaxy_models.candidates.novelty import KnownMaterials
from epitaxy_models.data.crystals.builder import bundled_crystals
from epitaxy_models.errors import ConfigurationError, InvalidStructureError
from epitaxy_models.structures.structure import Structure


@pytest.fixture(scope="module")
def crystals() -> Mapping[str, Structure]:
    return {crystal.identifier: crystal.structure for crystal in bundled_crystals()}


def made_from(
    crystals: Mapping[str, Structure], names: list[str], known: KnownMaterials | None = None, **options: object
) -> tuple[list[Candidate], SubstitutionRun]:
    run = SubstitutionRun(known or KnownMaterials(None), SubstitutionOptions(**options))  # type: ignore[arg-type]
    run.read((name, crystals[name]) for name in names)
    return list(run.candidates()), run


def doubled(structure: Structure) -> Structure:
    """The same crystal in a cell of twice the length."""
    lattice = structure.lattice * np.array([[2.0], [1.0], [1.0]])
    shift = np.array([[0.5, 0, 0]])
    halved = structure.frac_coords * np.array([[0.5, 1, 1]])
    return Structure(lattice, np.tile(structure.atomic_numbers, 2), np.concatenate([halved, halved + shift]))


def test_halides_of_rock_salt_come_first_and_have_volumes_near_the_measured_ones(
    crystals: Mapping[str, Structure],
) -> None:
    found, _ = made_from(crystals, ["NaCl-rock_salt"])
    probabilities = [candidate.probability for candidate in found]
    assert probabilities == sorted(probabilities, reverse=True)
    by_formula = {candidate.formula: candidate for candidate in found}
    assert {"KCl", "LiCl", "NaF", "NaBr"} <= {candidate.formula for candidate in found[:6]}
    # Lattice constants in Angstrom (Wyckoff 1963).
    for formula, edge in {"KCl": 6.293, "LiCl": 5.130, "NaBr": 5.973}.items():
        assert by_formula[formula].structure.volume == pytest.approx(edge**3, rel=0.06)
    assert by_formula["KCl"].substitution == "Na+ -> K+"


def test_charges_balance_and_perovskites_stay_perovskites(crystals: Mapping[str, Structure]) -> None:
    found, _ = made_from(crystals, ["SrTiO3-cubic_perovskite"])
    assert found[0].formula == "BaTiO3"
    assert {candidate.space_group for candidate in found} == {221}
    for candidate in found:
        ions = ionic_crystal(candidate.structure)
        assert sum(ion.charge * count for ion, count in zip(ions.ions, ions.counts, strict=True)) == 0


def test_one_compound_of_many_sources_is_one_candidate(crystals: Mapping[str, Structure]) -> None:
    names = ["NaCl-rock_salt", "KCl-rock_salt", "LiF-rock_salt"]
    found, run = made_from(crystals, names)
    kinds = [(candidate.formula, candidate.space_group) for candidate in found]
    assert len(set(kinds)) == len(kinds)
    assert run.n_dropped["DUPLICATE"] > 10
    known = {candidate.formula: candidate.known_as for candidate in found}
    # A source is known, too: NaCl made from KCl is nothing new, whatever volume was guessed for it.
    assert known["NaCl"] == "NaCl-rock_salt"
    assert known["RbBr"] == ""


def test_the_corpus_names_what_is_known_and_new_only_leaves_it_out(crystals: Mapping[str, Structure]) -> None:
    found, _ = made_from(crystals, ["MgO-rock_salt"], shipped_materials())
    known = [candidate for candidate in found if candidate.is_known]
    assert known
    assert all(candidate.known_as.startswith("mp-") for candidate in known if candidate.formula != "MgO")
    new, run = made_from(crystals, ["MgO-rock_salt"], shipped_materials(), is_new_only=True)
    assert [one.id for one in new] == [one.id for one in found if not one.is_known]
    assert run.n_dropped["KNOWN"] == len(known)


def test_a_copy_of_a_known_crystal_in_any_cell_is_no_candidate(crystals: Mapping[str, Structure]) -> None:
    plain, _ = made_from(crystals, ["NaCl-rock_salt"])
    corpus = KnownMaterials(None)
    corpus.add("mine", doubled(plain[0].structure), 225)
    found, run = made_from(crystals, ["NaCl-rock_salt"], corpus)
    assert [one.id for one in found] == [one.id for one in plain[1:]]
    assert run.n_dropped["IN_CORPUS"] == 1


def test_bounds_hold_and_the_same_run_gives_the_same_candidates(crystals: Mapping[str, Structure]) -> None:
    names = ["NaCl-rock_salt", "SrTiO3-cubic_perovskite"]
    everything, _ = made_from(crystals, names)
    first, _ = made_from(crystals, names, limit=10)
    assert [one.id for one in first] == [one.id for one in everything[:10]]
    likely, _ = made_from(crystals, names, threshold=0.01)
    assert likely
    assert all((one.probability or 0) >= 0.01 for one in likely)
    few, _ = made_from(crystals, names, n_per_source=3)
    assert len(few) <= 6
    clean, _ = made_from(crystals, names, without=frozenset({"Tl", "K"}))
    assert not any({"Tl", "K"} & {ion.symbol for ion in ionic_crystal(one.structure).ions} for one in clean)


def test_each_source_without_candidates_has_its_reason(crystals: Mapping[str, Structure]) -> None:
    names = ["Cu-fcc", "GaAs-zincblende", "NaCl-rock_salt"]
    found, run = made_from(crystals, names, threshold=0.04)
    assert {entry.id: entry.reason for entry in run.refused} == {
        "Cu-fcc": "NO_OXIDATION_STATES",
        "GaAs-zincblende": "UNKNOWN_IONS",
    }
    assert "As3-" in run.refused[1].message
    assert [one.formula for one in found] == ["NaF"]
    _, nothing = made_from(crystals, ["NaCl-rock_salt"], threshold=0.5)
    assert [entry.reason for entry in nothing.refused] == ["NO_SUBSTITUTION"]
    with pytest.raises(ConfigurationError, match="between 0 and 1"):
        SubstitutionOptions(threshold=0)
    with pytest.raises(ConfigurationError, match="Xx"):
        SubstitutionOptions(without=frozenset({"Xx"}))


def test_sites_of_one_element_in_two_states_are_told_apart(crystals: Mapping[str, Structure]) -> None:
    spinel = crystals["MgAl2O4-spinel"]
    numbers = spinel.atomic_numbers.copy()
    numbers[np.isin(numbers, (12, 13))] = 25
    ions = ionic_crystal(dataclasses.replace(spinel, atomic_numbers=numbers))
    assert [ion.name for ion in ions.ions] == ["Mn2+", "Mn3+", "O2-"]
    with pytest.raises(InvalidStructureError, match="no oxidation states balance the formula AuCs"):
        ionic_crystal(Structure(np.eye(3) * 4.26, np.array([55, 79], np.uint8), np.array([[0, 0, 0], [0.5] * 3])))


def test_a_generated_set_keeps_one_of_each_crystal_and_says_which_are_known(crystals: Mapping[str, Structure]) -> None:
    made = [one.structure for one in made_from(crystals, ["NaCl-rock_salt"])[0]]
    known = KnownMaterials(None)
    known.add("salt", crystals["NaCl-rock_salt"], 225)
    stretched = dataclasses.replace(crystals["NaCl-rock_salt"], lattice=crystals["NaCl-rock_salt"].lattice * 1.01)
    crystals_in = [
        ("a", made[0]),
        ("a", doubled(made[0])),
        ("b", stretched),
        ("b", made[1]),
    ]
    taken = GeneratedSet(known)
    found = list(taken.candidates(crystals_in))
    assert [(one.id, one.known_as) for one in found] == [("a", ""), ("b", "salt"), ("b#2", "")]
    assert taken.n_dropped == {"DUPLICATE": 1}
    new = GeneratedSet(known, is_new_only=True)
    assert [one.id for one in new.candidates(crystals_in)] == ["a", "b"]
