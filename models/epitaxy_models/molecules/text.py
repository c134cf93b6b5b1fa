"""From a text to a molecule: SMILES, or the block of a MOL or SD file."""

import re
from functools import cache
from typing import NoReturn

from rdkit import Chem, rdBase

from epitaxy_models.molecules.admission import (
    check_charges,
    check_size,
    sanitized,
    separated_charges,
    shown,
    survey,
)
from epitaxy_models.molecules.canonical import canonical
from epitaxy_models.molecules.intake import (
    DEFAULT_LIMITS,
    MoleculeIntake,
    MoleculeLimits,
    MoleculeRefusal,
    MoleculeRepair,
    refusal,
)
from epitaxy_models.molecules.molecule import Molecule
from epitaxy_models.structures.elements import atomic_number_of
from epitaxy_models.structures.intake import Repair

_BRACKET = re.compile(r"\[\d*([A-Za-z][a-z]?|\*)")
_AROMATIC_SYMBOLS = {"b", "c", "n", "o", "p", "s", "se", "as", "te", "si"}
# A MOL block has about 60 characters an atom and bond.
_BLOCK_LENGTH_FACTOR = 100
_PARAMETERS = Chem.SmilesParserParams()
for _option in ("sanitize", "removeHs", "allowCXSMILES", "parseName"):
    setattr(_PARAMETERS, _option, False)


def read_molecule(text: str, limits: MoleculeLimits = DEFAULT_LIMITS) -> MoleculeIntake:
    """The molecule of a SMILES, or of a MOL block ("V2000" or "V3000").

    Raises InvalidMaterialError with a reason of ``MoleculeRefusal``.
    """
    is_block = "M  END" in text
    graph, repairs = _from_block(text, limits) if is_block else read_smiles(text, limits)
    seen = survey(graph, text)
    if seen.has_queries:
        raise refusal(MoleculeRefusal.QUERY, f"{shown(text)} is a pattern of several molecules: give one molecule")
    if seen.n_wildcards:
        raise refusal(
            MoleculeRefusal.WILDCARD_COUNT,
            f"{shown(text)} has open ends (*), and a molecule has none: send a repeat unit as a polymer",
        )
    graph, changes = sanitized(graph, seen, text)
    if is_block and graph.GetNumConformers() and graph.GetConformer().Is3D():
        Chem.AssignStereochemistryFrom3D(graph)
    check_charges(graph, text)
    key = canonical(graph)
    told = repairs + seen.repairs + changes + separated_charges(key, text)
    return MoleculeIntake(Molecule(key, graph), told)


def read_smiles(text: str, limits: MoleculeLimits) -> tuple[Chem.Mol, tuple[Repair, ...]]:
    """Atoms and bonds of a SMILES as written, of a size that can be worked on. Raises InvalidMaterialError."""
    silence_rdkit()
    if len(text) > limits.max_text_length:
        raise refusal(
            MoleculeRefusal.TOO_LARGE,
            f"the SMILES has {len(text)} characters, over the limit of {limits.max_text_length}: send one molecule",
        )
    smiles, _, rest = text.strip().partition(" ")
    smiles, _, tabbed = smiles.partition("\t")
    if "\n" in text.strip():
        raise refusal(
            MoleculeRefusal.SEVERAL_MOLECULES, f"{shown(text)} is the first of several lines: send one SMILES"
        )
    if not smiles:
        raise refusal(MoleculeRefusal.EMPTY_MOLECULE, "the SMILES is empty: give one such as CCO")
    graph = _parsed(smiles)
    check_size(graph, limits)
    if rest.strip() or tabbed.strip():
        return graph, (Repair(MoleculeRepair.DROPPED_NAME, "text after the SMILES was dropped"),)
    return graph, ()


@cache
def silence_rdkit() -> None:
    """Keeps RDKit's parsers from writing to stderr: what is wrong is in our refusals."""
    rdBase.DisableLog("rdApp.*")


def _parsed(smiles: str) -> Chem.Mol:
    try:
        graph = Chem.MolFromSmiles(smiles, _PARAMETERS)
    except (ValueError, RuntimeError):
        graph = None
    if graph is None:
        _refuse_text(smiles)
    return graph


def _from_block(text: str, limits: MoleculeLimits) -> tuple[Chem.Mol, tuple[Repair, ...]]:
    silence_rdkit()
    if len(text) > _BLOCK_LENGTH_FACTOR * limits.max_text_length:
        raise refusal(MoleculeRefusal.TOO_LARGE, f"the MOL block has {len(text)} characters: send one molecule")
    try:
        graph = Chem.MolFromMolBlock(text, sanitize=False, removeHs=False, strictParsing=False)
    except (ValueError, RuntimeError):
        graph = None
    if graph is None:
        raise refusal(
            MoleculeRefusal.UNREADABLE_SMILES,
            f"the MOL block {shown(text)} cannot be read: export it again, or send SMILES",
        )
    check_size(graph, limits)
    Chem.AssignChiralTypesFromBondDirs(graph)
    Chem.DetectBondStereochemistry(graph)
    return graph, ()


def _refuse_text(smiles: str) -> NoReturn:
    for symbol in _BRACKET.findall(smiles):
        if symbol != "*" and atomic_number_of(symbol) is None and symbol not in _AROMATIC_SYMBOLS:
            known = atomic_number_of(symbol[0]) is not None and symbol[1:] == "H"
            if not known:
                raise refusal(
                    MoleculeRefusal.UNKNOWN_ELEMENT,
                    f"{shown(smiles)} has [{symbol}], which is not an element: correct it",
                )
    if smiles.startswith("InChI="):
        what = "is an InChI: give SMILES"
    elif smiles.count("(") != smiles.count(")"):
        what = "has parentheses that do not match: correct them"
    elif smiles.count("[") != smiles.count("]"):
        what = "has brackets that do not match: correct them"
    elif ">" in smiles and "->" not in smiles:
        what = "is a reaction: give one molecule"
    else:
        what = "is not SMILES: correct its symbols and ring closures, as in c1ccccc1O"
    raise refusal(MoleculeRefusal.UNREADABLE_SMILES, f"{shown(smiles)} {what}")
