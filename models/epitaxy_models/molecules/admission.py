"""From atoms and bonds as written to a molecule that RDKit has checked: what molecules and repeat units share."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from rdkit import Chem

from epitaxy_models.molecules.intake import MoleculeLimits, MoleculeRefusal, MoleculeRepair, refusal
from epitaxy_models.structures.intake import Repair

_MAX_SHOWN = 60
# Metals keep electrons to themselves: lead with two bonds is no radical.
_NON_METALS = frozenset({1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 33, 34, 35, 52, 53})
# What a look at each atom may find: isotopes, hydrogens of their own, atoms by number, atom maps, open ends, patterns.
_WORTH_A_LOOK = re.compile(r"\[(?:\d|[HDT#])|:\d|[*~\n]")
_ATOM = re.compile(r"\[[^\]]*\]|Br|Cl|[BCNOPSFIbcnops*]")
_CENTRE = re.compile(r"@+")
# Atoms in brackets whose valence is full wherever RDKit admits them.
_FULL = frozenset({"[nH]", "[C@H]", "[C@@H]"})


def check_size(graph: Chem.Mol, limits: MoleculeLimits) -> None:
    """Raises InvalidMaterialError (EMPTY_MOLECULE, TOO_MANY_ATOMS, TOO_MANY_RINGS) before any slow algorithm runs."""
    n_atoms, n_bonds = graph.GetNumAtoms(), graph.GetNumBonds()
    if not n_atoms:
        raise refusal(MoleculeRefusal.EMPTY_MOLECULE, "the molecule has no atoms: give its SMILES")
    # Hydrogens that are written out are taken off later; more than four an atom there cannot be.
    if n_atoms > limits.max_atoms and (n_atoms > 5 * limits.max_atoms or _n_heavy(graph) > limits.max_atoms):
        raise refusal(
            MoleculeRefusal.TOO_MANY_ATOMS,
            f"the molecule has more than {limits.max_atoms} atoms: models know smaller ones, leave it out",
        )
    if n_bonds - n_atoms + 1 > limits.max_rings:
        raise refusal(
            MoleculeRefusal.TOO_MANY_RINGS, f"the molecule has more than {limits.max_rings} rings: leave it out"
        )


@dataclass(frozen=True, slots=True)
class Survey:
    """What the atoms of a molecule say as written; one pass, as every call to an atom costs 0.2 us.

    Attributes:
        n_wildcards: Open ends.
        has_hydrogens: Whether hydrogens are atoms of their own.
        has_queries: Whether an atom stands for several elements.
        repairs: What was dropped: isotopes, numbers of atom maps.
    """

    n_wildcards: int = 0
    has_hydrogens: bool = False
    has_queries: bool = False
    repairs: tuple[Repair, ...] = ()


def survey(graph: Chem.Mol, text: str) -> Survey:
    """Looks at the atoms as written in ``text``, and takes isotopes and atom maps off."""
    if not _WORTH_A_LOOK.search(text):
        return Survey()
    n_wildcards = n_isotopes = n_maps = 0
    has_hydrogens = has_queries = False
    for atom in atoms_of(graph):
        number = atom.GetAtomicNum()
        n_wildcards += not number
        has_hydrogens |= number == 1
        has_queries |= bool(number) and atom.HasQuery()
        if atom.GetIsotope():
            # [1*] and [2*] number the ends of a unit: nothing is lost.
            n_isotopes += bool(number)
            atom.SetIsotope(0)
        if atom.GetAtomMapNum():
            n_maps += bool(number)
            atom.SetAtomMapNum(0)
    repairs = []
    if n_isotopes:
        repairs.append(Repair(MoleculeRepair.DROPPED_ISOTOPES, "isotopes are treated as their elements"))
    if n_maps:
        repairs.append(Repair(MoleculeRepair.DROPPED_ATOM_MAPS, "numbers of atom maps were dropped"))
    return Survey(n_wildcards, has_hydrogens, has_queries or "~" in text, tuple(repairs))


def sanitized(graph: Chem.Mol, seen: Survey, text: str) -> tuple[Chem.Mol, tuple[Repair, ...]]:
    """The molecule with aromaticity, valences and stereochemistry assigned, without hydrogens of their own.

    ``graph`` is as written in ``text``, and is changed. Raises InvalidMaterialError (IMPOSSIBLE_VALENCE,
    IMPOSSIBLE_AROMATICITY, UNREADABLE_SMILES).
    """
    has_stereo = any(mark in text for mark in "@/\\\n")
    n_marks = (_n_stereo_marks(graph) if "\n" in text else len(_CENTRE.findall(_smiles_of(text)))) if has_stereo else 0
    try:
        if seen.has_hydrogens:
            graph = Chem.RemoveHs(graph)
        else:
            Chem.SanitizeMol(graph)
        if has_stereo:
            Chem.AssignStereochemistry(graph, cleanIt=True, force=True)
    except (Chem.MolSanitizeException, ValueError, RuntimeError) as error:
        _refuse_chemistry(graph, text, error)
    if n_marks and _n_stereo_marks(graph) < n_marks:
        return graph, (
            Repair(MoleculeRepair.DROPPED_STEREO, "marks of stereochemistry where there is none were dropped"),
        )
    return graph, ()


def separated_charges(key: str, text: str) -> tuple[Repair, ...]:
    """The report of charges that the text does not write and the canonical SMILES does."""
    if "+" not in key or "+" in text or "\n" in text:
        return ()
    return (Repair(MoleculeRepair.SEPARATED_CHARGES, "groups such as N(=O)=O were written with charges"),)


def check_charges(graph: Chem.Mol, text: str) -> None:
    """Raises InvalidMaterialError (SALT, SEVERAL_MOLECULES, CHARGED_MOLECULE, RADICAL)."""
    if ("." in text or "\n" in text) and len(Chem.GetMolFrags(graph)) > 1:
        _refuse_fragments(graph, text)
    charge = Chem.GetFormalCharge(graph)
    if charge:
        raise refusal(
            MoleculeRefusal.CHARGED_MOLECULE,
            f"{shown(text)} has the net charge {charge:+d}: give the neutral molecule, with its hydrogens",
        )
    radicals = [
        atom for atom in _in_doubt(graph, text) if atom.GetNumRadicalElectrons() and atom.GetAtomicNum() in _NON_METALS
    ]
    if radicals:
        atom = radicals[0]
        raise refusal(
            MoleculeRefusal.RADICAL,
            f"{shown(text)} has an unpaired electron at {atom.GetSymbol()} (atom {atom.GetIdx() + 1}): atoms in "
            "brackets need their hydrogens written out, as in [CH4]",
        )


def shown(text: str) -> str:
    """The text as messages quote it."""
    line = text.strip().splitlines()[0] if text.strip() else ""
    return repr(line if len(line) <= _MAX_SHOWN else f"{line[:_MAX_SHOWN]}...")


def atoms_of(graph: Chem.Mol) -> Iterator[Chem.Atom]:
    """The atoms; twice as fast as RDKit's own sequence, which asks for its length at every step."""
    return map(graph.GetAtomWithIdx, range(graph.GetNumAtoms()))


def _in_doubt(graph: Chem.Mol, text: str) -> Iterator[Chem.Atom]:
    """Atoms that may have unpaired electrons: those in brackets, as each call to an atom takes its time."""
    if "\n" in text:
        return atoms_of(graph)
    if "[" not in text:
        return iter(())
    written = _ATOM.findall(_smiles_of(text))
    if len(written) != graph.GetNumAtoms():
        return atoms_of(graph)  # hydrogens that were taken off
    return (graph.GetAtomWithIdx(place) for place, atom in enumerate(written) if atom[0] == "[" and atom not in _FULL)


def _smiles_of(text: str) -> str:
    """The SMILES without a name after it."""
    return text.split(None, 1)[0]


def _n_heavy(graph: Chem.Mol) -> int:
    return sum(atom.GetAtomicNum() != 1 for atom in atoms_of(graph))


def _n_stereo_marks(graph: Chem.Mol) -> int:
    """Chiral atoms, and double bonds with a known direction."""
    atoms = sum(atom.GetChiralTag() != Chem.ChiralType.CHI_UNSPECIFIED for atom in atoms_of(graph))
    return atoms + sum(
        1
        for bond in graph.GetBonds()
        if bond.GetStereo() != Chem.BondStereo.STEREONONE and bond.GetStereo() != Chem.BondStereo.STEREOANY
    )


def _refuse_chemistry(graph: Chem.Mol, text: str, error: Exception) -> NoReturn:
    if isinstance(error, Chem.AtomValenceException):
        # The stubs of RDKit know no attribute of its exceptions.
        atom = graph.GetAtomWithIdx(error.cause.GetAtomIdx())  # type: ignore[attr-defined]
        raise refusal(
            MoleculeRefusal.IMPOSSIBLE_VALENCE,
            f"{shown(text)} has too many bonds at {atom.GetSymbol()} (atom {atom.GetIdx() + 1}): correct them",
        ) from None
    if isinstance(error, Chem.KekulizeException | Chem.AtomKekulizeException):
        raise refusal(
            MoleculeRefusal.IMPOSSIBLE_AROMATICITY,
            f"{shown(text)} has an aromatic ring without alternating double bonds: write its hydrogen, as in "
            "c1cc[nH]c1, or write the ring with double bonds",
        ) from None
    raise refusal(MoleculeRefusal.UNREADABLE_SMILES, f"{shown(text)} is not a possible molecule: correct it") from None


def _refuse_fragments(graph: Chem.Mol, text: str) -> None:
    fragments = Chem.GetMolFrags(graph, asMols=True, sanitizeFrags=False)
    if any(Chem.GetFormalCharge(fragment) for fragment in fragments):
        raise refusal(
            MoleculeRefusal.SALT, f"{shown(text)} is a salt: give its neutral parent molecule, without the counter-ion"
        )
    raise refusal(
        MoleculeRefusal.SEVERAL_MOLECULES, f"{shown(text)} has several molecules: give one, without solvent or water"
    )
