"""Label columns of the pretraining data as tasks of the network."""

from dataclasses import dataclass

from epitaxy_models.heads.property import Fidelity, PropertyDefinition

_GAP = "Kohn-Sham band gap; 0 for metals. PBE gaps lie below measured ones by about 40 %"


@dataclass(frozen=True, slots=True)
class Task:
    """One label column.

    Attributes:
        column: Column of the data set; its unit is the suffix.
        definition: What the head predicts.
        weight: Share in the loss.
        has_references: True where a linear function of composition is fitted first (extensive energies).
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
