"""Names of space groups: Hall and Hermann-Mauguin symbols as programs spell them, and numbers.

gemmi knows the tables; what files write around a symbol is taken off here: ``P2(1)/c``, ``Fd-3m S``, ``R -3 m :H``,
``A b m 2 (-cba)``.
"""

import re
import warnings
from collections.abc import Iterable
from functools import cache, lru_cache

import gemmi

from epitaxy_models.structures.symmetry import SpaceGroup, build_space_group

# ICSD ends the symbol with the setting: origin 1 (S), origin 2 (Z), hexagonal, rhombohedral.
_ICSD_SETTING = re.compile(r"^(.*?)\s*:?\s*([SZHR]|O[12])$")
_SETTING_OF_CODE = {"S": "1", "Z": "2", "O1": "1", "O2": "2", "H": "H", "R": "R", "1": "1", "2": "2"}
# 2(1), 2_1, 2_{1}, 2~1~ and 2<sub>1</sub> for the screw axis 21.
_SUBSCRIPT = re.compile(r"([2-6])\s*(?:\((\d)\)|_\{?(\d)\}?|~(\d)~|<sub>(\d)</sub>)", re.IGNORECASE)
# What follows the symbol: ":2", ":H", ":b1", "(-cba)", "(225)", "(No. 225)".
_SUFFIX = re.compile(r"^([^:(]*?)\s*(?::\s*([\w-]{1,6})|\(\s*(?:no\.?|#)?\s*([\w-]{1,6})\s*\))\s*$", re.IGNORECASE)
# gemmi reads more than that, "a" for instance.
_HALL = re.compile(r"-?\s*[PABCIRSTHF][\s_]+-?[1-6]", re.IGNORECASE)
_MONOCLINIC = range(3, 16)


@lru_cache(maxsize=256)
def space_group_of_hall(symbol: str) -> SpaceGroup | None:
    """The group of a Hall symbol, None if the symbol is unknown."""
    if not _HALL.match(symbol):
        return None
    symbol = symbol.replace("_", " ")
    try:
        operations = gemmi.symops_from_hall(symbol)
        entry = gemmi.find_spacegroup_by_ops(operations)
    except Exception:  # gemmi raises several types, none documented
        return None
    return build_space_group(f"Hall symbol {symbol}", operations, entry.number if entry else None)


@lru_cache(maxsize=256)
def space_groups_of_symbol(symbol: str) -> tuple[SpaceGroup, ...]:
    """The settings that a Hermann-Mauguin symbol may mean: two or more if it leaves origin or axes open, or none."""
    return tuple(_of_entry(entry) for entry in _entries_of_symbol(" ".join(symbol.split())))


@lru_cache(maxsize=256)
def space_groups_of_number(number: int, coordinate_system: str = "") -> tuple[SpaceGroup, ...]:
    """The settings of a number of the International Tables in its reference axes; none for an unknown number.

    With a coordinate system code (``_space_group_IT_coordinate_system_code``: ``2``, ``h``, ``b1``, ``-cba``,
    ``1bca``) the one setting that it names, if the tables list it.
    """
    if not 1 <= number <= 230:
        return ()
    coded = _coded(number, coordinate_system) if coordinate_system else None
    if coded is not None:
        return (_of_entry(coded),)
    return tuple(_of_entry(entry) for entry in _settings(gemmi.find_spacegroup_by_number(number)))


@lru_cache(maxsize=256)
def other_axes_of_symbol(symbol: str) -> tuple[SpaceGroup, ...]:
    """Settings that a short monoclinic symbol means in axes other than the usual ones: ``P 1 1 2/m`` for ``P 2/m``."""
    plain = " ".join(symbol.split())
    entries = _entries_of_symbol(plain)
    if not entries or entries[0].number not in _MONOCLINIC or re.search(r"\b1\b", plain):
        return ()
    short = _short_name(entries[0])
    return tuple(_of_entry(one) for one in _table() if one.number == entries[0].number and _short_name(one) == short)


@lru_cache(maxsize=256)
def every_setting_of_number(number: int) -> tuple[SpaceGroup, ...]:
    """All settings of a number that the tables list, whatever the axes; none for an unknown number."""
    return tuple(_of_entry(entry) for entry in _table() if entry.number == number)


def _entries_of_symbol(symbol: str) -> tuple[gemmi.SpaceGroup, ...]:
    symbol = _SUBSCRIPT.sub(lambda match: match[1] + next(filter(None, match.groups()[1:])), symbol).replace("_", " ")
    stated = _find(symbol) if ":" in symbol else None
    if stated is not None:
        return (stated,)
    found = _find_with_icsd_suffix(symbol)
    if found is not None:
        return (found,)
    found = _find(symbol)
    if found is None and (with_suffix := _find_with_icsd_suffix(symbol.upper())) is not None:
        return (with_suffix,)
    found = found or _short_monoclinic().get(symbol.replace(" ", "").lower()) or _find_full(symbol)
    return _settings(found) if found is not None else _entries_with_suffix(symbol)


def _find_with_icsd_suffix(symbol: str) -> gemmi.SpaceGroup | None:
    match = _ICSD_SETTING.match(symbol)
    return _find(f"{match[1]}:{_SETTING_OF_CODE[match[2]]}") if match else None


def _entries_with_suffix(symbol: str) -> tuple[gemmi.SpaceGroup, ...]:
    match = _SUFFIX.match(symbol)
    if match is None or not match[1]:
        return ()
    entries, suffix = _entries_of_symbol(match[1]), match[2] or match[3]
    if not entries or (suffix.isdecimal() and len(suffix) > 1):
        return entries if entries and entries[0].number == int(suffix) else ()
    coded = _coded(entries[0].number, _SETTING_OF_CODE.get(suffix.upper(), suffix))
    return (coded,) if coded is not None else entries


def _coded(number: int, code: str) -> gemmi.SpaceGroup | None:
    wanted = code.strip().lower()
    same = (entry for entry in _table() if entry.number == number)
    return next((entry for entry in same if wanted in _codes(entry)), None)


def _codes(entry: gemmi.SpaceGroup) -> set[str]:
    extension, axes = entry.ext.strip("\0 ").lower(), entry.qualifier.lower()
    codes = {extension + axes, axes} - {""} if not extension or extension == "2" else {extension + axes}
    return codes | ({extension} if not axes and extension else set())


def _find(symbol: str) -> gemmi.SpaceGroup | None:
    # gemmi takes a bare number for a symbol; here it is a number where a symbol was announced.
    return gemmi.find_spacegroup_by_name(symbol) if symbol else None


def _settings(found: gemmi.SpaceGroup) -> tuple[gemmi.SpaceGroup, ...]:
    """Entries of the same symbol that differ by origin choice or by rhombohedral against hexagonal axes."""
    same = [entry for entry in _table() if entry.number == found.number and entry.hm == found.hm]
    # The International Tables and today's programs prefer origin choice 2, at the inversion centre.
    return tuple(sorted(same, key=lambda entry: entry.ext, reverse=True))


@cache
def _table() -> tuple[gemmi.SpaceGroup, ...]:
    return tuple(gemmi.spacegroup_table())


@cache
def _short_monoclinic() -> dict[str, gemmi.SpaceGroup]:
    """Settings by their symbols without the two ones, for unique axes other than b: ``p21/b``."""
    by_name: dict[str, gemmi.SpaceGroup] = {}
    for entry in _table():
        if entry.number in _MONOCLINIC:
            by_name.setdefault(_short_name(entry), entry)
    return by_name


def _short_name(entry: gemmi.SpaceGroup) -> str:
    return "".join(part for part in entry.hm.split() if part != "1").lower()


@cache
def _full_symbols() -> dict[str, str]:
    """Hall symbols by full symbols without blanks: ``f4/m-32/m``."""
    import spglib  # noqa: PLC0415 - for symbols that gemmi does not know

    with warnings.catch_warnings():
        # spglib 2.8 warns at every call that errors will be raised some day.
        warnings.filterwarnings("ignore", "Set OLD_ERROR_HANDLING", DeprecationWarning)
        kinds: Iterable[object] = [spglib.get_spacegroup_type(number) for number in range(1, 531)]
    return {
        name: kind.hall_symbol  # type: ignore[attr-defined]  # spglib states no types
        for kind in kinds
        for name in (kind.international_full.replace(" ", "").lower(),)  # type: ignore[attr-defined]
    }


def _find_full(symbol: str) -> gemmi.SpaceGroup | None:
    if "/" not in symbol or len(symbol) < len("P2/m2/m"):
        return None
    hall = _full_symbols().get(symbol.replace(" ", "").lower())
    return gemmi.find_spacegroup_by_ops(gemmi.symops_from_hall(hall)) if hall else None


def _of_entry(entry: gemmi.SpaceGroup) -> SpaceGroup:
    return build_space_group(f"space group {entry.xhm()}", entry.operations(), entry.number)
