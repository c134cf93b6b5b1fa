"""Text of any supported format to a checked structure: the one entry for files."""

import re
from enum import StrEnum

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.cif import read_cif
from epitaxy_models.structures.cif_embedded import MAX_CIF_CHARACTERS, structure_part
from epitaxy_models.structures.extxyz import read_extxyz
from epitaxy_models.structures.intake import (
    DEFAULT_LIMITS,
    Intake,
    IntakeLimits,
    Note,
    NoteCode,
    RefusalReason,
    RepairCode,
)
from epitaxy_models.structures.poscar import read_poscar
from epitaxy_models.structures.pymatgen_json import read_pymatgen_json


class TextFormat(StrEnum):
    """Text formats that intake reads."""

    CIF = "cif"
    POSCAR = "poscar"
    EXTXYZ = "extxyz"
    PYMATGEN_JSON = "pymatgen_json"


_READERS = {
    TextFormat.CIF: read_cif,
    TextFormat.POSCAR: read_poscar,
    TextFormat.EXTXYZ: read_extxyz,
    TextFormat.PYMATGEN_JSON: read_pymatgen_json,
}

_NAMES = {
    TextFormat.CIF: "CIF file",
    TextFormat.POSCAR: "POSCAR file",
    TextFormat.EXTXYZ: "frame of extended XYZ",
    TextFormat.PYMATGEN_JSON: "pymatgen structure as JSON",
}


# Nothing else that is read here is written beyond ASCII.
_MINUS_SIGNS = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2212\uff0d", "-") | {"\u00a0": " "})
_OVERLINED = re.compile("([1-6])[\u0304\u0305]")


def read_text(text: str, text_format: TextFormat, limits: IntakeLimits = DEFAULT_LIMITS) -> Intake:
    """The crystal that a text describes, checked, with the repairs it needed.

    Raises InvalidStructureError, and nothing else, for any text whatsoever.
    """
    text, notes = _within_limits(text, text_format, limits)
    if not text.removeprefix("\ufeff").strip():
        raise InvalidStructureError(
            f"the text is empty: send a {_NAMES[text_format]}", reason=RefusalReason.EMPTY_STRUCTURE
        )
    return _READERS[text_format](text if text.isascii() else _ascii(text), limits).after(notes=notes)


def read_single(text: str, text_format: TextFormat, limits: IntakeLimits = DEFAULT_LIMITS) -> Intake:
    """The crystal of a text that must hold just one: a label belongs to one.

    Raises InvalidStructureError (SEVERAL_STRUCTURES, and what ``read_text`` raises).
    """
    intake = read_text(text, text_format, limits)
    ignored = next((one for one in intake.repairs if one.code == RepairCode.IGNORED_DATA_BLOCKS), None)
    if ignored is not None:
        raise InvalidStructureError(
            f"the text holds several structures ({ignored.message[:120]}): give one a row",
            reason=RefusalReason.SEVERAL_STRUCTURES,
        )
    return intake


def _within_limits(text: str, text_format: TextFormat, limits: IntakeLimits) -> tuple[str, tuple[Note, ...]]:
    """The text, of a long CIF what describes its structure. Raises InvalidStructureError (TOO_LARGE)."""
    if len(text) <= limits.max_text_bytes:
        return text, ()
    if text_format is not TextFormat.CIF or len(text) > MAX_CIF_CHARACTERS:
        raise _too_large(len(text), limits)
    part = structure_part(text)
    if len(part.text) > limits.max_text_bytes or not part.removed:
        raise _too_large(len(part.text) if part.removed else len(text), limits)
    shown = ", ".join(tag[:40] for tag in part.removed[:3])
    return part.text, (Note(NoteCode.IGNORED_EMBEDDED_DATA, f"embedded data that are no structure ignored ({shown})"),)


def _ascii(text: str) -> str:
    """The text in ASCII: minus signs and overlines of typesetters as hyphens, names of authors as question marks."""
    text = _OVERLINED.sub(r"-\1", text.removeprefix("\ufeff")).translate(_MINUS_SIGNS)
    return text.encode("ascii", errors="replace").decode("ascii")


def _too_large(n_bytes: int, limits: IntakeLimits) -> InvalidStructureError:
    return InvalidStructureError(
        f"the text has {n_bytes} characters, over the limit of {limits.max_text_bytes}: send a smaller cell, and "
        "nothing but the structure",
        reason=RefusalReason.TOO_LARGE,
    )
