"""Which columns of a source become labels, and what they are called with their units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from epitaxy_models.data.source_row import STRUCTURE_FACTS, SourceColumns
from epitaxy_models.data.units import UNITS, checked_suffix, suffix_of
from epitaxy_models.errors import ConfigurationError

RESERVED_NAMES = frozenset({"id", "formula", "structure", "smiles", "polymer", "composition"})


@dataclass(frozen=True, slots=True)
class LabelChoices:
    """What a person said about the columns.

    Attributes:
        units: Unit suffix by source column.
        names: New name (without unit) by source column.
        drops: Source columns to leave out.
    """

    units: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    drops: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class LabelPlan:
    """The decision on every column.

    Attributes:
        labels: Name in the table, which ends in a unit suffix, by source column.
        dropped: Source columns left out.
    """

    labels: Mapping[str, str]
    dropped: tuple[str, ...] = ()


def plan_labels(columns: SourceColumns, choices: LabelChoices) -> LabelPlan:
    """Names every label with its unit; nothing is guessed.

    Raises ConfigurationError (UNKNOWN_COLUMN, UNKNOWN_UNIT, LABEL_WITHOUT_UNIT, NAME_CLASH).
    """
    _check_columns_exist(columns, choices)
    chosen = [
        column
        for column in (*columns.numeric, *columns.other)
        if column not in choices.drops and _is_label(column, columns, choices)
    ]
    labels = {column: _name(column, columns, choices) for column in chosen}
    _check_all_have_units(labels)
    _check_distinct(labels)
    dropped = tuple(column for column in (*columns.numeric, *columns.other) if column not in labels)
    return LabelPlan(labels, dropped)


def _is_label(column: str, columns: SourceColumns, choices: LabelChoices) -> bool:
    if column in choices.units or column in choices.names:
        return True
    return column in columns.numeric and (columns.are_chosen or column not in STRUCTURE_FACTS)


def _name(column: str, columns: SourceColumns, choices: LabelChoices) -> str:
    name = choices.names.get(column, column.strip("_ ").replace(" ", "_").replace(".", "_"))
    if column in choices.units:
        suffix = checked_suffix(choices.units[column], column)
        # "gap_eV" with --unit gap_eV=eV stays as it is; with another unit the person corrects the name.
        return name if suffix_of(name) == suffix else f"{name}_{suffix}"
    known = (columns.known_units or {}).get(column)
    return f"{name}_{known}" if known and suffix_of(name) is None else name


def _check_columns_exist(columns: SourceColumns, choices: LabelChoices) -> None:
    present = {*columns.numeric, *columns.other}
    unknown = sorted({*choices.units, *choices.names, *choices.drops} - present)
    if unknown:
        raise ConfigurationError(
            f"there is no column {', '.join(map(repr, unknown))}; there are {', '.join(sorted(present)) or 'none'}",
            reason="UNKNOWN_COLUMN",
        )


def _check_all_have_units(labels: Mapping[str, str]) -> None:
    bare = [column for column, name in labels.items() if suffix_of(name) is None]
    if bare:
        examples = " ".join(f"--unit {column}=SUFFIX" for column in bare)
        raise ConfigurationError(
            f"label column(s) without a unit: {', '.join(bare)}. State it with {examples}, "
            f"SUFFIX being one of {', '.join(UNITS)}, or leave the column out with --drop COLUMN",
            reason="LABEL_WITHOUT_UNIT",
        )


def _check_distinct(labels: Mapping[str, str]) -> None:
    names = list(labels.values())
    clashes = sorted({name for name in names if names.count(name) > 1 or name in RESERVED_NAMES})
    if clashes:
        raise ConfigurationError(
            f"two columns would both be called {', '.join(clashes)}: rename with --name COLUMN=NAME",
            reason="NAME_CLASH",
        )
