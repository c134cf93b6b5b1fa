"""Values of conditions from one unit to another."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.data.units import UNITS, suffix_of_unit
from epitaxy_models.errors import ConfigurationError

INCOMPATIBLE = "INCOMPATIBLE_UNITS"
_TEMPERATURES = {
    "k": "Kelvin", "kelvin": "Kelvin", "c": "Celsius", "degc": "Celsius", "°c": "Celsius", "celsius": "Celsius",
    "degreecelsius": "Celsius", "degf": "Fahrenheit", "°f": "Fahrenheit", "fahrenheit": "Fahrenheit",
}  # fmt: skip
_SPOKEN = {"dimensionless": "1", "percent": "%", "Å": "Angstrom", "A": "Angstrom", "hour": "h", "hours": "h",
           "day": "d", "days": "d", "minute": "min", "minutes": "min", "second": "s", "seconds": "s",
           "year": "yr", "torr": "Torr", "mmHg": "Torr", "°C": "degC"}  # fmt: skip
_PREFIXES = {"T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3, "h": 1e2, "c": 1e-2, "m": 1e-3, "µ": 1e-6, "μ": 1e-6, "u": 1e-6,
             "n": 1e-9, "p": 1e-12, "f": 1e-15}  # fmt: skip
_WORD = re.compile(r"(?P<symbol>[^\d^*+\-−]+|1)(?:\^|\*\*)?(?P<power>[-+−]?\d+)?")


@dataclass(frozen=True, slots=True)
class _Measure:
    """Factor to SI units, and powers of base dimensions by name."""

    factor: float
    powers: frozenset[tuple[str, int]]


def same_unit(one: str, other: str) -> bool:
    """Whether two texts name one unit: ``"C"`` and ``"degC"``."""
    first, second = (_plain(unit) for unit in (one, other))
    return first == second


def can_convert(given: str, wanted: str) -> bool:
    """Whether values in one unit have a value in the other."""
    if same_unit(given, wanted) or (_scale_of(given) and _scale_of(wanted)):
        return True
    one, other = _measure(given), _measure(wanted)
    return one is not None and other is not None and one.powers == other.powers


def converted(values: NDArray[np.float64], given: str, wanted: str, name: str = "") -> NDArray[np.float64]:
    """Values ``[n]`` in the wanted unit; an empty ``given`` means the wanted one.

    Raises ConfigurationError (INCOMPATIBLE_UNITS) where the units measure different things.
    """
    if not given or same_unit(given, wanted):
        return values
    scales = _scale_of(given), _scale_of(wanted)
    if all(scales):
        from scipy.constants import convert_temperature  # noqa: PLC0415 - loads scipy, for two units only

        return np.asarray(convert_temperature(values, *scales), dtype=np.float64)
    if not can_convert(given, wanted):
        told = f"{name!r} is" if name else "the value is"
        raise ConfigurationError(
            f"{told} given in {given}, which does not convert to {wanted or 'a number without a unit'}: give it in "
            f"{wanted or 'no unit'}",
            reason=INCOMPATIBLE,
        )
    one, other = _measure(given), _measure(wanted)
    factor = one.factor / other.factor if one and other else 1.0  # `can_convert` says that both are known
    return values * factor


def _plain(unit: str) -> str:
    scale = _scale_of(unit)
    suffix = suffix_of_unit(unit)
    return scale or "".join((UNITS[suffix] if suffix else unit).split()) or "1"


def _scale_of(unit: str) -> str:
    """Name of a scale of temperature; empty for any other unit."""
    return _TEMPERATURES.get("".join(unit.split()).lower(), "")


@cache
def _symbols() -> dict[str, tuple[str, float]]:
    """Dimension and size in SI units of each symbol."""
    from scipy import constants  # noqa: PLC0415 - loads scipy

    return {
        "Pa": ("pressure", 1.0), "bar": ("pressure", constants.bar), "atm": ("pressure", constants.atm),
        "Torr": ("pressure", constants.torr), "psi": ("pressure", constants.psi),
        "s": ("time", 1.0), "min": ("time", constants.minute), "h": ("time", constants.hour),
        "d": ("time", constants.day), "yr": ("time", constants.Julian_year),
        "m": ("length", 1.0), "Angstrom": ("length", constants.angstrom),
        "J": ("energy", 1.0), "eV": ("energy", constants.eV), "cal": ("energy", constants.calorie),
        "g": ("mass", 1e-3), "V": ("voltage", 1.0), "Hz": ("frequency", 1.0), "T": ("field", 1.0),
        "mol": ("amount", 1.0),
        "L": ("volume", 1e-3), "K": ("temperature", 1.0), "degC": ("temperature", 1.0), "W": ("power", 1.0),
        "%": ("", 1e-2), "ppm": ("", 1e-6), "ppb": ("", 1e-9), "1": ("", 1.0),
    }  # fmt: skip


def _measure(unit: str) -> _Measure | None:
    """Products, quotients and powers of known symbols; None for anything else."""
    text = _SPOKEN.get(unit.strip(), unit.strip()) or "1"
    above, *below = text.split("/")
    factor, powers = 1.0, Counter[str]()
    for sign, part in ((1, above), *((-1, part) for part in below)):
        for word in re.split(r"[\s·⋅()]+|(?<!\*)\*(?!\*)", part):
            found = _symbol(word) if word else ("", 1.0, 1)
            if found is None:
                return None
            name, size, power = found
            factor *= size ** (sign * power)
            powers[name] += sign * power
    return _Measure(factor, frozenset((name, power) for name, power in powers.items() if name and power))


def _symbol(word: str) -> tuple[str, float, int] | None:
    match = _WORD.fullmatch(word)
    if match is None:
        return None
    text, power = match["symbol"], int((match["power"] or "1").replace("−", "-"))
    symbol, known = _SPOKEN.get(text, text), _symbols()
    if symbol in known:
        return *known[symbol], power
    prefix, rest = symbol[:1], _SPOKEN.get(symbol[1:], symbol[1:])
    if prefix in _PREFIXES and rest in known and rest not in ("%", "1", "min", "h", "d", "degC"):
        dimension, size = known[rest]
        return dimension, _PREFIXES[prefix] * size, power
    return None
