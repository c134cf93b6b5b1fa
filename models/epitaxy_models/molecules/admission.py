"""From atoms and bonds as written to a molecule that RDKit has checked: what molecules and repeat units share."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from rdkit import Chem

from epitaxy_models.molecules.intake import MoleculeLimits, MoleculeRefusal, MoleculeRepair, refusal
from epitaxy_models.structures.intake import Repair

_MAX_SHOWN = 60
# Metals keep electrons to themselves: lead with two bonds is no radical.
_NON_METALS = frozenset({1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 33, 34, 35, 52, 53})


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
    if not may_have_bracket_atoms(text) and not any(mark in text for mark in "*~"):
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


def may_have_bracket_atoms(text: str) -> bool:
    """Whether charges, isotopes and hydrogens of their own are possible: not in plain SMILES such as ``CCO``."""
    return "[" in text or "\n" in text


def sanitized(graph: Chem.Mol, seen: Survey, text: str) -> tuple[Chem.Mol, tuple[Repair, ...]]:
    """The molecule with aromaticity, valences and stereochemistry assigned, without hydrogens of their own.

    ``graph`` is as written in ``text``, and is changed. Raises InvalidMaterialError (IMPOSSIBLE_VALENCE,
    IMPOSSIBLE_AROMATICITY, UNREADABLE_SMILES).
    """
    has_stereo = any(mark in text for mark in "@/\\\n")
    n_marks = _n_stereo_marks(graph) if has_stereo else 0
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
    if not may_have_bracket_atoms(text):
        return
    radicals = [
        atom for atom in atoms_of(graph) if atom.GetNumRadicalElectrons() and atom.GetAtomicNum() in _NON_METALS
    ]
    if radicals:
        atom = radicals[0]
        raise refusal(
            MoleculeRefusal.RADICAL,
            f"{shown(text)} has an unpaired electron at {atom.GetSymbol()} (atom {atom.GetIdx() + 1}): atoms in "
            "brackets need their hydrogens written out, as in [CH4]",
        )


def canonical(graph: Chem.Mol) -> tuple[str, Chem.Mol]:
    """Canonical SMILES, and the molecule with its atoms in that order."""
    key = Chem.MolToSmiles(graph)
    order = graph.GetProp("_smilesAtomOutputOrder")[1:-1].split(",")
    return str(key), Chem.RenumberAtoms(graph, [int(place) for place in order if place])


def shown(text: str) -> str:
    """The text as messages quote it."""
    line = text.strip().splitlines()[0] if text.strip() else ""
    return repr(line if len(line) <= _MAX_SHOWN else f"{line[:_MAX_SHOWN]}...")


def atoms_of(graph: Chem.Mol) -> Iterator[Chem.Atom]:
    """The atoms; twice as fast as RDKit's own sequence, which asks for its length at every step."""
    return map(graph.GetAtomWithIdx, range(graph.GetNumAtoms()))


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
