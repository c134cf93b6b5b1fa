"""Label columns of the pretraining data as tasks of the network."""

from collections.abc import Iterable
from dataclasses import dataclass

from epitaxy_models.data.auxiliary.labels import GROUPS
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.heads.property import Fidelity, PropertyDefinition

# Share in the loss of one group of auxiliary labels; the formation energy has 1.
_AUXILIARY_WEIGHT = 0.3
_GAP = "Kohn-Sham band gap; 0 for metals. PBE gaps lie below measured ones by about 40 %"


@dataclass(frozen=True, slots=True)
class Task:
    """One label column.

    Attributes:
        column: Column of the data set; its unit is the suffix.
        definition: What the head predicts.
        weight: Share in the loss.
        has_references: True if a linear function of composition is fitted first (extensive energies).
        is_served: False for a task that only teaches the backbone.
    """

    column: str
    definition: PropertyDefinition
    weight: float
    has_references: bool = False
    is_served: bool = False


def _gap(vintage: str, weight: float, name: str, *, is_served: bool = False) -> Task:
    theory = f"PBE/PBE+U, Materials Project {vintage}"
    definition = PropertyDefinition(name, "eV", Fidelity.PBE_U, theory, _GAP, lower_bound=0.0)
    return Task(f"band_gap_pbe_mp{vintage[:4]}_eV", definition, weight, is_served=is_served)


def _energy(column: str, vintage: str, weight: float, name: str, *, is_served: bool = False) -> Task:
    theory = f"PBE/PBE+U with MP corrections, Materials Project {vintage}"
    text = "Formation energy from the elements at 0 K"
    definition = PropertyDefinition(name, "eV/atom", Fidelity.PBE_U, theory, text)
    return Task(column, definition, weight, has_references=True, is_served=is_served)


# Vintages of one quantity disagree by 0.05 eV/atom (corrections changed): each has its own head.
MATERIALS_PROJECT_TASKS = (
    _energy("formation_energy_mp2018_eV_atom", "2018.6.1", 1.0, "formation_energy", is_served=True),
    _gap("2018.6.1", 1.0, "band_gap", is_served=True),
    _energy("formation_energy_mp2021_eV_atom", "2021", 0.5, "formation_energy_mp2021"),
    Task(
        "e_above_hull_mp2021_eV_atom",
        PropertyDefinition(
            "energy_above_hull",
            "eV/atom",
            Fidelity.PBE_U,
            "PBE/PBE+U with MP corrections, Materials Project 2021",
            "Energy above the convex hull of competing phases at 0 K",
            lower_bound=0.0,
        ),
        0.3,
        is_served=True,
    ),
    _gap("2021", 0.3, "band_gap_mp2021"),
    _gap("2020", 0.5, "band_gap_mp2020_nonmetals"),
    _gap("2022", 0.3, "band_gap_mp2022"),
)


def tasks_of_columns(columns: Iterable[str]) -> tuple[Task, ...]:
    """The tasks of a run that a checkpoint names by their columns, in its order.

    Raises ConfigurationError for a column that is neither of Materials Project nor auxiliary.
    """
    known = {task.column: task for task in MATERIALS_PROJECT_TASKS + auxiliary_tasks(GROUPS)}
    wanted = tuple(columns)
    unknown = [column for column in wanted if column not in known]
    if unknown:
        raise ConfigurationError(f"no task is known for column {', '.join(unknown)}", reason="UNKNOWN_LABEL_COLUMN")
    return tuple(known[column] for column in wanted)


def auxiliary_tasks(groups: Iterable[str]) -> tuple[Task, ...]:
    """Tasks of some groups of auxiliary labels; a group has one weight, whatever its number of columns.

    Raises ConfigurationError for a group that does not exist.
    """
    wanted = tuple(groups)
    unknown = [group for group in wanted if group not in GROUPS]
    if unknown:
        raise ConfigurationError(
            f"no auxiliary group {', '.join(unknown)}: give any of {', '.join(GROUPS)}",
            reason="UNKNOWN_AUXILIARY_GROUP",
        )
    return tuple(_auxiliary(column, group) for group in wanted for column in GROUPS[group])


def _auxiliary(column: str, group: str) -> Task:
    name, unit = (column.removesuffix("_eV_atom"), "eV/atom") if column.endswith("_eV_atom") else _plain(column)
    text = f"Auxiliary label of the group {group}, computed from the structure"
    definition = PropertyDefinition(name, unit, Fidelity.FORCE_FIELD, "computed from the structure", text)
    return Task(column, definition, _AUXILIARY_WEIGHT / len(GROUPS[group]))


def _plain(column: str) -> tuple[str, str]:
    return (column.removesuffix("_A"), "Angstrom") if column.endswith("_A") else (column.removesuffix("_1"), "1")
