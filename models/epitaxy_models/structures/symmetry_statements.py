"""All that a CIF block says of its symmetry, held against each other.

Files state one space group in up to five ways (operations, Hall symbol, Hermann-Mauguin symbol, number, setting code)
and under dozens of tags. What is stated under a tag that nobody knows is interpreted by its content, or reported; it
never means that there is no symmetry.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

import gemmi

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.cif_block import CifBlock, unquoted
from epitaxy_models.structures.cif_tags import TagLayout
from epitaxy_models.structures.intake import RefusalReason
from epitaxy_models.structures.schoenflies import number_of_schoenflies
from epitaxy_models.structures.space_group_names import (
    space_group_of_hall,
    space_groups_of_symbol,
)
from epitaxy_models.structures.symmetry import operations_of

_UNKNOWN_VALUES = frozenset({"?", ".", ""})
# Longer than any symbol or operation of the tables; keeps the caches of groups small.
_MAX_SYMBOL_LENGTH = 80
_MAX_SHOWN = 40
# Longer than any tag of the dictionaries; the patterns of tags are quadratic in their length.
_MAX_TAG_LENGTH = 120
# One text field may hold all operations, a line each.
_MAX_TEXT_LENGTH = 8000
# More lines than any group has operations are cut, so that a refusal of them costs nothing.
_MAX_OPERATIONS_READ = 200
_SYMMETRY_TAG = re.compile(
    r"_(?:space_?group|symmetry|sg_|(?:parent|child|magnetic)_(?:space_?group|propagation))|_(?!atom_|geom_).*sym_?op"
    r"|_cell_(?:modulation|subsystem|wave_vector)|_atom_site_(?:moment|fourier|displace_(?:special|fourier))"
    r"|_atom_sites_(?:modulation|displace)"
)
# What goes with a statement and states nothing by itself.
_DETAIL = (
    r"_id$|_id_|setting$|crystal_system|cent(?:ring|ering|rosymm)|"
    r"descript|wyckoff|transform|generator|details|special_|order$|_type$|_count$|comment|reference"
)
# "No. 225", "#225" and "225.0".
_NUMBER = re.compile(r"^(?:no\.?|#)?\s*(\d{1,3})(?:\.0*)?$", re.IGNORECASE)
_TRIPLET = re.compile(r"[-+xyzabcuvw\d./*\s]+,[-+xyzabcuvw\d./*\s]+,[-+xyzabcuvw\d./*\s]+", re.IGNORECASE)
# "x,y,z,+1" and "x,y,z,-1": the fourth part says whether time is reversed.
_TIME_REVERSAL = re.compile(r",[+-]?(?:1(?:\.0*)?|m|t)?$")


class Role(Enum):
    """What a tag that has to do with symmetry states."""

    # A member is equal to itself alone; Enum's own hash is a call in Python for each of a file's statements.
    __hash__ = object.__hash__

    OPERATIONS = auto()
    MAGNETIC_OPERATIONS = auto()
    MAGNETIC_CENTRINGS = auto()
    HALL = auto()
    SYMBOL = auto()
    NUMBER = auto()
    SETTING_CODE = auto()
    MAGNETISM = auto()
    MODULATION = auto()
    SCHOENFLIES = auto()
    CLASS = auto()
    SUBPERIODIC = auto()
    DETAIL = auto()
    UNKNOWN = auto()


# In this order: the first pattern that is found in a tag says its role.
_ROLES = tuple(
    (role, re.compile(pattern))
    for role, pattern in (
        (Role.MODULATION, r"ssg|_cell_(?:modulation|subsystem|wave_vector)|fourier|_displace|_sites_modulation"),
        (Role.MAGNETIC_CENTRINGS, r"magn.*cent.*xyz$"),
        (Role.MAGNETIC_OPERATIONS, r"magn(?!.*transform).*(?<!k)xyz$"),
        (Role.MAGNETISM, r"magn|moment|_og_|propagation|_(?:parent|child)_"),
        (Role.SETTING_CODE, r"coordinate_system_code$"),
        (Role.SUBPERIODIC, r"_(?:layer|rod|frieze|plane)_?(?:group|number|name|h_?m)"),
        (Role.SCHOENFLIES, r"schoenflies"),
        (Role.CLASS, r"laue|point_group|bravais|patterson"),
        (Role.DETAIL, _DETAIL),
        (Role.OPERATIONS, r"xyz$"),
        (Role.HALL, r"hall"),
        (Role.SYMBOL, r"_h_?m(?:_|$)|hermann"),
        (Role.NUMBER, r"_(?:it|tables)_number|group_number$"),
        (Role.UNKNOWN, r""),
    )
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of symmetry, as it stands in the file.

    Attributes:
        role: What kind of statement it is.
        tag: The tag as the file spells it.
        values: Operations in lower case without blanks, or one symbol or number.
    """

    role: Role
    tag: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        if self.role is Role.OPERATIONS and len(self.values) > 1:
            return f"{self.tag[:_MAX_SHOWN]} ({len(self.values)} operations)"
        shown = " ".join(self.values) if self.role is Role.NUMBER else self.values[0]
        return f"{self.tag[:_MAX_SHOWN]} {shown[:_MAX_SHOWN]!r}"


@dataclass(frozen=True, slots=True, eq=False)
class SymmetryStatements:
    """The statements of one block.

    Attributes:
        stated: Statements that name a space group.
        unknown: Statements under unknown tags whose content names none either.
        is_magnetic: Whether magnetic symmetry, moments or a propagation vector are stated.
        modulation: A tag of modulated structures, None if there is none.
    """

    stated: tuple[Statement, ...]
    unknown: tuple[Statement, ...] = ()
    is_magnetic: bool = False
    modulation: str | None = None


def role_of(tag: str) -> Role | None:
    """The role of a plain tag (see ``plain_tag``), None for one that has nothing to do with symmetry."""
    if not _SYMMETRY_TAG.match(tag):
        return None
    return next(role for role, pattern in _ROLES if pattern.search(tag))


def collect_statements(block: CifBlock) -> SymmetryStatements:
    """The statements of symmetry in a block. Raises InvalidStructureError (TRUNCATED_FILE, UNREADABLE)."""
    return _sorted_out(tuple([(role, tag, _cut(block.raw_values(tag))) for role, tag in _stating_tags(block.layout)]))


@lru_cache(maxsize=512)
def _stating_tags(layout: TagLayout) -> tuple[tuple[Role, str], ...]:
    """The tags that may state a symmetry, with their roles."""
    roles = (
        (role_of(plain), spellings) for plain, spellings in layout.spellings.items() if len(plain) <= _MAX_TAG_LENGTH
    )
    return tuple(
        (role, tag) for role, spellings in roles if role is not None and role is not Role.DETAIL for tag in spellings
    )


def _cut(values: list[str]) -> tuple[str, ...]:
    """The values, of very many the first and of very long ones the beginning."""
    if len(values) == 1 and len(values[0]) <= _MAX_SYMBOL_LENGTH:
        return (values[0],)
    most = 2 * _MAX_SYMBOL_LENGTH if len(values) > 1 else _MAX_TEXT_LENGTH
    if len(values) <= _MAX_OPERATIONS_READ and max(map(len, values), default=0) <= most:
        return tuple(values)
    return tuple(value[:most] for value in values[:_MAX_OPERATIONS_READ])


@lru_cache(maxsize=512)
def _sorted_out(raw: tuple[tuple[Role, str, tuple[str, ...]], ...]) -> SymmetryStatements:
    """Statements of raw values. The same object for the same values, so that ``resolve`` need not look at them."""
    found: dict[Role, list[Statement]] = {}
    for role, tag, raw_values in raw:
        if not raw_values and role in _LISTS:
            raise InvalidStructureError(
                "the loop of symmetry operations has no rows: send the complete file",
                reason=RefusalReason.TRUNCATED_FILE,
            )
        values = tuple(value for value in _values_of(role, raw_values) if value not in _UNKNOWN_VALUES)
        if values:
            found.setdefault(role, []).append(Statement(role, tag, values))
    stated = [one for role in (Role.OPERATIONS, Role.HALL, Role.SYMBOL) for one in found.get(role, ())]
    stated = [_without_time(one) if one.role is Role.OPERATIONS else one for one in stated]
    stated += _numbers([*found.get(Role.NUMBER, []), *_of_schoenflies(found)], found.get(Role.SETTING_CODE, []))
    stated += _of_lone_code(found)
    magnetic = _magnetic_operations(found.get(Role.MAGNETIC_OPERATIONS, []), found.get(Role.MAGNETIC_CENTRINGS, []))
    read = [(one, _interpreted(one)) for one in found.get(Role.UNKNOWN, ())]
    stated += [interpreted for _, interpreted in read if interpreted is not None]
    unknown = [one for one, interpreted in read if interpreted is None]
    marks = [one for one in found.get(Role.MAGNETISM, ()) if "parent" not in one.tag.lower() or "prop" in one.tag]
    if not (magnetic or stated):
        # A class, or a group of a layer, is too little to fill a cell by, and too much for no symmetry at all.
        unknown += [one for one in found.get(Role.CLASS, ()) if not _is_triclinic(one.values[0])]
        unknown += [*found.get(Role.SUBPERIODIC, ()), *found.get(Role.SCHOENFLIES, ())]
        unknown += [one for one in found.get(Role.MAGNETISM, ()) if "space" in one.tag.lower()]
    modulations = [one for one in found.get(Role.MODULATION, ()) if one.values[0].strip("0.") or "dim" not in one.tag]
    return SymmetryStatements(
        (*magnetic, *stated), tuple(unknown), bool(magnetic or marks), str(modulations[0]) if modulations else None
    )


# Classes that P 1 belongs to, or that hold nothing but P 1 and P -1.
_TRICLINIC = frozenset({"1", "-1", "p1", "p-1", "ap", "c1", "ci"})
_LISTS = frozenset({Role.OPERATIONS, Role.MAGNETIC_OPERATIONS})


def _is_triclinic(class_name: str) -> bool:
    return class_name.replace(" ", "").lower() in _TRICLINIC


def _values_of(role: Role, raw_values: tuple[str, ...]) -> list[str]:
    values = [unquoted(raw) for raw in raw_values]
    if role in _LISTS or role is Role.MAGNETIC_CENTRINGS:
        lines = [line for value in values for line in value.splitlines()]
        return ["".join(line.split())[:_MAX_SYMBOL_LENGTH].lower().strip("'\"") for line in lines]
    if role is Role.UNKNOWN:
        return [" ".join(value.split())[:_MAX_SYMBOL_LENGTH] for value in values]
    texts = [" ".join(value.split())[:_MAX_SYMBOL_LENGTH] for value in values[:1]]
    return [_NUMBER.sub(r"\1", text) for text in texts] if role is Role.NUMBER else texts


def _without_time(operations: Statement) -> Statement:
    values = tuple(_TIME_REVERSAL.sub("", value) if value.count(",") == 3 else value for value in operations.values)
    return Statement(operations.role, operations.tag, values)


def _magnetic_operations(operations: list[Statement], centrings: list[Statement]) -> list[Statement]:
    """The nuclear operations of a magnetic group: time reversal dropped, times the centrings."""
    merged = []
    for one in operations:
        rotations = operations_of(_without_time(one).values)
        shifts = operations_of(value for other in centrings for value in _without_time(other).values) or [gemmi.Op()]
        triplets = dict.fromkeys((shift * rotation).wrap().triplet() for shift in shifts for rotation in rotations)
        merged.append(Statement(Role.OPERATIONS, one.tag, tuple(triplets)))
    return merged


def _numbers(numbers: list[Statement], codes: list[Statement]) -> list[Statement]:
    code = codes[0].values[0] if codes else None
    return [Statement(one.role, one.tag, (one.values[0], code) if code else one.values) for one in numbers]


def _of_schoenflies(found: Mapping[Role, list[Statement]]) -> list[Statement]:
    """The numbers of groups that are named by Schoenflies."""
    read = [(one, number_of_schoenflies(one.values[0])) for one in found.get(Role.SCHOENFLIES, ())]
    return [Statement(Role.NUMBER, one.tag, (str(number),)) for one, number in read if number is not None]


def _of_lone_code(found: Mapping[Role, list[Statement]]) -> list[Statement]:
    """A setting code without a number goes with the symbol, whose own setting it may contradict."""
    if Role.NUMBER in found:
        return []
    named = (space_groups_of_symbol(one.values[0]) for one in found.get(Role.SYMBOL, ()))
    numbers = [groups[0].number for groups in named if groups]
    codes = found.get(Role.SETTING_CODE, [])
    return [Statement(Role.NUMBER, one.tag, (str(numbers[0]), one.values[0])) for one in codes[:1] if numbers]


def _interpreted(statement: Statement) -> Statement | None:
    """A statement under an unknown tag, by what its values look like."""
    if all(_TRIPLET.fullmatch(value) for value in statement.values):
        values = tuple("".join(value.split()).lower() for value in statement.values)
        return Statement(Role.OPERATIONS, statement.tag, values)
    value = statement.values[0]
    if value.isdecimal():
        return Statement(Role.NUMBER, statement.tag, (value,)) if "number" in statement.tag.lower() else None
    if space_groups_of_symbol(value):
        return Statement(Role.SYMBOL, statement.tag, (value,))
    return Statement(Role.HALL, statement.tag, (value,)) if space_group_of_hall(value) else None
