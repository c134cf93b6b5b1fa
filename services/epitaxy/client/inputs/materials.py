"""Materials without a crystal: formulas, SMILES and repeat units in cells, lists and on a command line."""

import re
from collections.abc import Iterator
from typing import Any, Literal

from epitaxy.client.defaults import MAX_STRUCTURE_BYTES
from epitaxy.client.inputs.elements import SYMBOLS
from epitaxy.client.inputs.item import Source, Text, refuse
from epitaxy.client.inputs.reading_log import ReadingLog
from epitaxy.client.inputs.stored import StoredFile
from epitaxy.tables.numbers import is_missing

MaterialKind = Literal["structure", "composition", "molecule", "polymer"]

MAX_MATERIAL_CHARACTERS = 200_000
_EMPTY = {"composition": "EMPTY_COMPOSITION", "molecule": "EMPTY_MOLECULE", "polymer": "EMPTY_POLYMER"}
# What a line of SMILES and of a formula consists of.
_SMILES = re.compile(r"(?:Cl|Br|[BCNOPSFI]|[bcnops]|\[[^\[\]]+\]|[0-9%()=#$:/\\.+*@-])+")
_FORMULA = re.compile(
    r"(?:[A-Z][a-z]?|[0-9]|(?<=[0-9])/(?=[0-9])|[()\[\]{}\u00b7.,:;%*\s+-]|(?:wt|at|[Bb]al(?:ance)?)\b)+"
)
_ONLY_SMILES = re.compile(r"[=#@/\\$]|\[[a-z]|\[[A-Z][a-z]?(?:H[0-9]?)?(?:[+-][0-9]?)?\]")
_SYMBOL = re.compile(r"(?<![a-z])[A-Z][a-z]?")
# Rings of aromatic atoms have several: one after a capital is a symbol, as in CoO and Cs2O2.
_FEWEST_AROMATIC = 3


def composition(text: str) -> Source:
    """A composition to screen: a formula, or amounts such as ``"Fe:Bal., Ni:18 wt%"``."""
    return text_of(text, "composition")


def molecule(smiles: str) -> Source:
    """A molecule to screen, as SMILES or the block of a MOL file."""
    return text_of(smiles, "molecule")


def polymer(smiles: str) -> Source:
    """A polymer to screen: a repeat unit with two ``*``, or several with fractions."""
    return text_of(smiles, "polymer")


def read_material_cell(cell: Any, kind: MaterialKind) -> Source:
    """The material in a cell of a table, or why there is none."""
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "replace")
    if isinstance(cell, str) and cell.strip().lower() in {"", "nan", "none", "null"}:
        cell = None
    if cell is None or (not isinstance(cell, str) and is_missing(cell)):
        return refuse(_EMPTY[kind], f"the cell of the {kind} is empty: fill it, or leave the row out")
    if not isinstance(cell, str):
        return refuse("UNREADABLE", f"the cell of the {kind} holds a {type(cell).__name__}: give text")
    return text_of(cell, kind)


def text_of(text: str, kind: MaterialKind) -> Source:
    """The text to send, or the refusal of one that is too long."""
    if kind == "structure":
        return refuse("UNREADABLE", "a crystal structure is more than one line: name a file")
    if len(text) > MAX_MATERIAL_CHARACTERS:
        return refuse("TOO_LARGE", f"the {kind} has {len(text)} characters; send one material")
    return Text(kind, text)


def kind_of_text(text: str) -> MaterialKind | None:
    """What a line of text most likely is, None if it is no material.

    Letters that are both SMILES and a formula, such as ``CCO``, make a molecule unless they have numbers that cannot be
    ring closures, as ``CO2`` has.
    """
    line = text.strip()
    if _may_be_polymer(line):
        return "polymer"
    is_smiles = _may_be_smiles(line)
    is_formula = _may_be_formula(line) and not (is_smiles and _ONLY_SMILES.search(line))
    if is_smiles and is_formula:
        digits = re.findall(r"[0-9]", line)
        are_closures = all(digits.count(digit) % 2 == 0 for digit in set(digits))
        return "molecule" if are_closures and not re.search(r"[.:]|[0-9]{2}", line) else "composition"
    return "molecule" if is_smiles else "composition" if is_formula else None


def likely_kind_of_text(text: str) -> MaterialKind | None:
    """What a text that cannot be a material was most likely meant to be, so that the server says what is wrong with it.

    None for what looks like the name of a file, and for words.
    """
    line = text.strip()
    if not line or ("/" in line and "=" not in line) or re.search(r"\.[A-Za-z][A-Za-z0-9]{1,7}$", line):
        return None
    if line.count("*") and re.match(r"[\[(*A-Za-z]", line) and not re.search(r"[*]\s*[0-9]", line):
        return "polymer"
    if _ONLY_SMILES.search(line):
        return "molecule"
    is_like_formula = re.match(r"[(\[{]?[A-Z][a-z]?(?:[0-9.:+(\[{-]|[A-Z]|$)", line) and re.search(r"[0-9+:-]", line)
    return "composition" if is_like_formula else None


def _may_be_polymer(line: str) -> bool:
    """Whether the line has units of two open ends each; a star between numbers multiplies, as in ``CuSO4*5H2O``."""
    units = [unit.split()[0] for unit in line.split(";") if "*" in unit]
    return bool(units) and all(unit.count("*") == 2 and _SMILES.fullmatch(unit) for unit in units)


def _may_be_smiles(line: str) -> bool:
    if not _SMILES.fullmatch(line) or not re.search("[A-Za-z]", line):
        return False
    if _ONLY_SMILES.search(line):
        return True
    n_aromatic = len(re.findall(r"[bcnops]", re.sub(r"Cl|Br|\[[^\]]*\]", "", line)))
    return n_aromatic == 0 or n_aromatic >= _FEWEST_AROMATIC


def _may_be_formula(line: str) -> bool:
    symbols = _SYMBOL.findall(re.sub(r"[Bb]al(?:ance)?\b", "", line))
    return bool(symbols) and bool(_FORMULA.fullmatch(line)) and all(symbol in SYMBOLS for symbol in symbols)


def read_smiles_list(file: StoredFile, file_id: str, _log: ReadingLog) -> Iterator[tuple[str, Source]]:
    """A file of SMILES, one a line, each perhaps with a name behind it; two ``*`` make it a polymer.

    The units of a copolymer are separated by blanks: its name stands behind a tab.
    """
    for number, line in _lines(file):
        smiles, name = _smiles_and_name(line)
        if number == 0 and smiles.lower() in {"smiles", "psmiles"}:
            continue
        yield name or f"{file_id}/{number}", text_of(smiles, "polymer" if "*" in smiles else "molecule")


def read_formula_list(file: StoredFile, file_id: str, _log: ReadingLog) -> Iterator[tuple[str, Source]]:
    """A file of compositions, one a line; the id is its line."""
    for number, line in _lines(file):
        if number == 0 and line.lower() in {"formula", "composition"}:
            continue
        yield f"{file_id}/{number}", text_of(line, "composition")


def read_sdf(file: StoredFile, file_id: str, _log: ReadingLog) -> Iterator[tuple[str, Source]]:
    """The molecules of an SD or MOL file, as blocks; the id is the block's first line."""
    lines: list[str] = []
    number = n_characters = 0
    for line in file.lines():
        if line.startswith("$$$$"):
            yield _block(lines, file_id, number)
            lines, number, n_characters = [], number + 1, 0
            continue
        n_characters += len(line)
        if n_characters <= 2 * MAX_STRUCTURE_BYTES:  # of a longer one, enough to refuse it for its size
            lines.append(line)
    if any(map(str.strip, lines)):
        yield _block(lines, file_id, number)


def count_lines(file: StoredFile) -> int:
    """Materials of a list, up to its header."""
    return sum(1 for _ in _lines(file))


def _block(lines: list[str], file_id: str, number: int) -> tuple[str, Source]:
    """The connection table of a block, without the data that follow it."""
    end = next((place for place, line in enumerate(lines) if line.startswith("M  END")), None)
    name = lines[0].strip() if lines else ""
    block_id = name or (file_id if number == 0 else f"{file_id}/{number}")
    if end is None:
        return block_id, refuse("UNREADABLE_SMILES", "the block has no line M  END: export it again")
    # Text files may come with either line ending.
    return block_id, text_of("\n".join(line.rstrip("\r\n") for line in lines[: end + 1]) + "\n", "molecule")


def _smiles_and_name(line: str) -> tuple[str, str]:
    smiles, tab, name = line.partition("\t")
    if not tab and not _may_be_polymer(line):
        smiles, _, name = line.partition(" ")
    return smiles.strip(), name.strip()


def _lines(file: StoredFile) -> Iterator[tuple[int, str]]:
    """Numbers from 0 and texts of the lines that are neither empty nor comments."""
    for number, line in enumerate(file.lines()):
        plain = line.strip()
        if plain and not plain.startswith("#"):
            yield number, plain
