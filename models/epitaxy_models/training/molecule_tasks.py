"""Label columns of the pretraining data of the molecular substrate as tasks of the network."""

from epitaxy_models.data.auxiliary.molecule_labels import NAMES
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.training.tasks import Task

_B3LYP = "B3LYP/6-31G(2df,p), QM9"
_MEASURED = "measured, as tabulated by the package chemicals"
# Share in the loss of all labels that RDKit computes: they teach structure, and measured ones teach physics.
_COMPUTED_WEIGHT = 2.5
_VIBRATIONS = (0, 200, 400, 600, 800, 1000, 1200, 1400, 1600, 1900, 2500, 3200)


def _quantum(column: str, name: str, unit: str, text: str, weight: float = 0.3, *, is_served: bool = False) -> Task:
    definition = PropertyDefinition(name, unit, Fidelity.HYBRID, _B3LYP, text)
    return Task(column, definition, weight, has_references=True, is_served=is_served)


def _measured(column: str, name: str, unit: str, text: str, weight: float, *, is_served: bool = False) -> Task:
    definition = PropertyDefinition(name, unit, Fidelity.EXPERIMENT, _MEASURED, text)
    return Task(column, definition, weight, has_references=True, is_served=is_served)


def _computed(column: str) -> Task:
    name = column.removesuffix("_1")
    definition = PropertyDefinition(name, "1", Fidelity.FORCE_FIELD, "computed by RDKit", "Computed from the graph")
    return Task(column, definition, _COMPUTED_WEIGHT / len(NAMES))


_QUANTUM = (
    _quantum("qm_homo_eV", "homo", "eV", "Energy of the highest occupied orbital", 0.5, is_served=True),
    _quantum("qm_lumo_eV", "lumo", "eV", "Energy of the lowest unoccupied orbital", 0.5, is_served=True),
    _quantum("qm_gap_eV", "orbital_gap", "eV", "LUMO less HOMO", 0.5, is_served=True),
    _quantum("qm_dipole_D", "dipole", "D", "Dipole moment", 0.3, is_served=True),
    _quantum("qm_alpha_atom_1", "polarizability_per_atom", "bohr3", "Polarizability over heavy atoms", 0.5),
    _quantum("qm_r2_atom_1", "log_extent_per_atom", "1", "Logarithm of the electronic extent over heavy atoms", 0.2),
    _quantum("qm_zpve_atom_eV", "zero_point_energy_per_atom", "eV", "Zero-point energy over heavy atoms", 0.3),
    _quantum("qm_bind_atom_eV", "binding_energy_per_atom", "eV", "Energy less a linear fit on elements, by atom", 0.5),
    _quantum("qm_cv_atom_1", "heat_capacity_per_atom", "cal/mol/K", "Heat capacity at 298 K over heavy atoms", 0.4),
    *(
        _quantum(f"qm_cvvib{t}_atom_1", f"vibrational_heat_capacity_{t}", "1", f"Modes at {t} K, by atom", 0.15)
        for t in (150, 300, 500, 800)
    ),
    *(
        _quantum(f"qm_vib{start}_atom_1", f"modes_above_{start}", "1", "Modes of some wave numbers, by atom", 0.05)
        for start in _VIBRATIONS
    ),
    _quantum("qm_soft_1", "log_softest_mode", "1", "Logarithm of the lowest wave number", 0.1),
    _quantum("qm_shape1_1", "log_shape_one", "1", "Logarithm of a ratio of rotational constants", 0.1),
    _quantum("qm_shape2_1", "log_shape_two", "1", "Logarithm of a ratio of rotational constants", 0.1),
)
_EXPERIMENT = (
    _measured("ex_tm_K", "melting_point", "K", "Melting point at 1 atm", 1.2, is_served=True),
    _measured("ex_tb_K", "boiling_point", "K", "Normal boiling point", 0.8, is_served=True),
    _measured("ex_ri_1", "refractive_index_liquid", "1", "Refractive index at the sodium D line", 0.8, is_served=True),
    _measured("ex_logp_1", "log_partition", "1", "log10 of the octanol-water partition", 1.2, is_served=True),
    _measured("ex_flash_K", "flash_point", "K", "Flash point", 0.15),
    _measured("ex_tc_K", "critical_temperature", "K", "Critical temperature", 0.3),
    _measured("ex_logvc_1", "log_critical_volume", "1", "Logarithm of the critical volume, cm3/mol", 0.3),
    _measured("ex_hsd_1", "hansen_dispersion", "MPa^0.5", "Hansen parameter of dispersion", 0.25),
    _measured("ex_hsp_1", "hansen_polar", "MPa^0.5", "Hansen parameter of polarity", 0.25),
    _measured("ex_hsh_1", "hansen_hydrogen", "MPa^0.5", "Hansen parameter of hydrogen bonds", 0.25),
    _measured("ex_logeps_1", "log_permittivity", "1", "Logarithm of the static permittivity", 0.2),
    _measured("ex_hvap_1", "vaporization_enthalpy", "kJ/mol", "At 298 K", 0.3),
    _measured("ex_hsub_1", "sublimation_enthalpy", "kJ/mol", "At 298 K", 0.2),
    _measured("ex_hfus_1", "fusion_enthalpy", "kJ/mol", "At the melting point", 0.15),
    _measured("ex_rho_1", "density_liquid", "kg/m3", "Density near room temperature", 0.5),
    _measured("ex_kliq_1", "thermal_conductivity_liquid", "W/m/K", "At 298 K", 0.1),
    _measured("ex_sigma_1", "surface_tension", "mN/m", "At 298 K", 0.15),
    _measured("ex_cpl_atom_1", "heat_capacity_liquid_per_atom", "J/mol/K", "At 298 K, by heavy atom", 0.2),
    _measured("ex_cpg_atom_1", "heat_capacity_gas_per_atom", "J/mol/K", "At 298 K, by heavy atom", 0.1),
    _measured("ex_cps_atom_1", "heat_capacity_solid_per_atom", "J/mol/K", "At 298 K, by heavy atom", 0.1),
)
_CEP = Task(
    "cep_pce_pct",
    PropertyDefinition(
        "power_conversion_efficiency",
        "%",
        Fidelity.HYBRID,
        "Harvard Clean Energy Project, Scharber's model on DFT",
        "Modelled power conversion efficiency of an organic solar cell",
    ),
    1.0,
    has_references=True,
    is_served=True,
)
# Bins that no fragment falls into.
_EMPTY = {"rdkit_refractivity_surface_7", "rdkit_partition_surface_8"}
MOLECULE_TASKS = (*_EXPERIMENT, *_QUANTUM, _CEP, *(_computed(f"{name}_1") for name in NAMES if name not in _EMPTY))
