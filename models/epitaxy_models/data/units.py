"""Units of label columns: the closed table of suffixes that column names may end in."""

from epitaxy_models.errors import ConfigurationError

UNITS = {
    "eV": "eV",
    "eV_atom": "eV/atom",
    "meV_atom": "meV/atom",
    "eV_cell": "eV/cell",
    "GPa": "GPa",
    "MPa": "MPa",
    "HV": "HV",
    "A": "Angstrom",
    "A3": "Angstrom^3",
    "S_cm": "S/cm",
    "C_m2": "C/m^2",
    "cm1": "1/cm",
    "K": "K",
    "C": "degree Celsius",
    "pct": "%",
    "g_cm3": "g/cm^3",
    "A2": "Angstrom^2",
    "um": "um",
    "g_mol": "g/mol",
    "mol_L": "mol/L",
    "kJ_mol": "kJ/mol",
    "J_kgK": "J/(kg K)",
    "W_mK": "W/(m K)",
    "dimensionless": "",
}

# As databases write units, in lower case and without blanks; those of the table itself are added below.
_SPELLINGS = {
    "ev/at": "eV_atom",
    "ev/atom": "eV_atom",
    "ev/atoms": "eV_atom",
    "mev/atom": "meV_atom",
    "angstrom": "A",
    "å": "A",
    "angstrom^3": "A3",
    "a^3": "A3",
    "å^3": "A3",
    "å^2": "A2",
    "a^2": "A2",
    "µm": "um",
    "g/mol": "g_mol",
    "mol/l": "mol_L",
    "kj/mol": "kJ_mol",
    "j/kgk": "J_kgK",
    "w/mk": "W_mK",
    "s/cm": "S_cm",
    "c/m^2": "C_m2",
    "cm^-1": "cm1",
    "1/cm": "cm1",
    "percent": "pct",
    "%": "pct",
    "g/cm^3": "g_cm3",
    "kelvin": "K",
    "degc": "C",
}
_BY_TEXT = _SPELLINGS | {suffix.lower(): suffix for suffix in UNITS if suffix not in ("A", "C", "K")}
# Longest first: formation_energy_meV_atom ends in eV_atom as a text, and a suffix starts after an underscore.
_LONGEST_FIRST = sorted(UNITS, key=len, reverse=True)


def suffix_of(column: str) -> str | None:
    """The unit suffix that a column name ends in, None if it has none."""
    return next((suffix for suffix in _LONGEST_FIRST if column.endswith(f"_{suffix}")), None)


def suffix_of_unit(text: str) -> str | None:
    """The suffix for a unit as a database writes it (``"eV/atom"``), None for one that is not in the table."""
    if text in UNITS:
        return text
    return _BY_TEXT.get("".join(text.split()).lower())


def checked_suffix(text: str, column: str) -> str:
    """The suffix that a person gave for a column. Raises ConfigurationError (UNKNOWN_UNIT)."""
    suffix = suffix_of_unit(text)
    if suffix is None:
        raise ConfigurationError(
            f"{text!r} for column {column!r} is not a known unit suffix: give one of {', '.join(UNITS)}",
            reason="UNKNOWN_UNIT",
        )
    return suffix
