"""Text of any supported format to a checked structure: the one entry for files."""

from enum import StrEnum

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.cif import read_cif
from epitaxy_models.structures.extxyz import read_extxyz
from epitaxy_models.structures.intake import DEFAULT_LIMITS, Intake, IntakeLimits, RefusalReason
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


def read_text(text: str, text_format: TextFormat, limits: IntakeLimits = DEFAULT_LIMITS) -> Intake:
    """The crystal that a text describes, checked, with the repairs it needed.

    Raises InvalidStructureError, and nothing else, for any text whatsoever.
    """
    if len(text) > limits.max_text_bytes:
        raise _too_large(len(text), limits)
    if not text.removeprefix("\ufeff").strip():
        raise InvalidStructureError(
            f"the text is empty: send a {_NAMES[text_format]}", reason=RefusalReason.EMPTY_STRUCTURE
        )
    if text.isascii():
        return _READERS[text_format](text, limits)
    # Nothing that is read here is written beyond ASCII; names of authors are.
    ascii_text = text.removeprefix("\ufeff").encode("ascii", errors="replace").decode("ascii")
    return _READERS[text_format](ascii_text, limits)


def _too_large(n_bytes: int, limits: IntakeLimits) -> InvalidStructureError:
    return InvalidStructureError(
        f"the text has {n_bytes} characters, over the limit of {limits.max_text_bytes}: send a smaller cell, and "
        "nothing but the structure",
        reason=RefusalReason.TOO_LARGE,
    )
