"""Label columns of the pretraining data of the composition substrate as tasks of the network."""

from dataclasses import replace

from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.training.tasks import MATERIALS_PROJECT_TASKS, Task

# Directions of the crystal substrate's embedding that the network learns to foretell from the formula.
N_DIRECTIONS = 32
_DIRECTION_WEIGHT = 2.0 / N_DIRECTIONS
_STABLE = "of the crystal of lowest energy of the formula"


def _of_stable(task: Task) -> Task:
    definition = replace(task.definition, description=f"{task.definition.description}; {_STABLE}")
    return replace(task, definition=definition)


def _plain(column: str, name: str, unit: str, text: str, weight: float, fidelity: Fidelity = Fidelity.PBE_U) -> Task:
    definition = PropertyDefinition(name, unit, fidelity, "Materials Project", f"{text}, {_STABLE}")
    return Task(column, definition, weight, has_references=True)


_BULK_MODULUS = Task(
    "log10_bulk_modulus_GPa_1",
    PropertyDefinition(
        "log10_bulk_modulus", "1", Fidelity.PBE_U, "Materials Project", "log10 of the bulk modulus (VRH) in GPa"
    ),
    1.0,
    has_references=True,
    is_served=True,
)
COMPOSITION_TASKS = (
    *(_of_stable(task) for task in MATERIALS_PROJECT_TASKS),
    _BULK_MODULUS,
    _plain("band_gap_hse_eV", "band_gap_hse", "eV", "Band gap", 0.5, Fidelity.HSE06),
    _plain("band_gap_gllbsc_eV", "band_gap_gllbsc", "eV", "Band gap", 0.3, Fidelity.GLLB_SC),
    _plain("is_metal_1", "is_metal", "1", "1 if the band gap is 0, else 0", 0.6),
    _plain("log_volume_per_atom_1", "log_volume_per_atom", "1", "Logarithm of the volume of an atom in A3", 0.5),
    _plain("packing_fraction_1", "packing_fraction", "1", "Share of the cell within covalent radii", 0.2),
    _plain("log_density_1", "log_density", "1", "Logarithm of the density in g/cm3", 0.3),
    _plain("coordination_mean_1", "coordination", "1", "Mean coordination number", 0.3),
    _plain("coordination_std_1", "coordination_spread", "1", "Its standard deviation", 0.15),
    _plain("contact_ratio_mean_1", "contact_ratio", "1", "Mean contact over the sum of covalent radii", 0.2),
    _plain("log10_debye_1", "log10_debye_temperature", "1", "log10 of an estimated Debye temperature in K", 0.3),
    _plain("log_sites_1", "log_sites", "1", "Logarithm of the number of atoms in the cell", 0.15),
    _plain("log_polymorphs_1", "log_polymorphs", "1", "Logarithm of the number of known crystals", 0.1),
    *(
        _plain(
            f"direction_{n}_1",
            f"direction_{n}",
            "1",
            "Direction of substrate-mp's embedding",
            _DIRECTION_WEIGHT,
        )
        for n in range(N_DIRECTIONS)
    ),
)
