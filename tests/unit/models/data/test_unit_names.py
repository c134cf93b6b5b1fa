import pytest

from epitaxy_models.data.unit_names import is_unit
from epitaxy_models.data.units import UNITS

GOOD = (
    "1", "%", "K", "eV", "meV/atom", "eV/f.u.", "kJ/mol", "HV", "GPa", "S/cm", "mS/cm", "1/cm", "cm^-1", "cm-1", "W/mK",
    "W/(m K)", "W m^-1 K^-1", "W m⁻¹ K⁻¹", "C/m^2", "Angstrom^3", "Å^3/atom", "g/cm^3", "µV/K", "mAh/g", "log10(S/cm)",
    "ln(GPa)", "log(1/cm)", "dex", "mJ/m^2", "uB/atom", "degC", "meV/Å^2", "10^-6/K", "1e20/cm^3", "cm^2/(V s)", "C/m2",
)  # fmt: skip
BAD = ("eVv/atom", "foo", "Kelwin", "GPaa", "evv", "S/cmm", "none of these", "??", "banana/atom")


@pytest.mark.parametrize("text", [*GOOD, *UNITS.values()])
def test_units_of_the_field_are_units(text: str) -> None:
    assert is_unit(text)


@pytest.mark.parametrize("text", BAD)
def test_what_does_not_exist_is_no_unit(text: str) -> None:
    assert not is_unit(text)
