"""Laws by name: as a job asks for them, as a model's state keeps them, and the one that a property is known to keep."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from epitaxy_models.data.units import suffix_of
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.transfer.names import LAWS
from epitaxy_models.transfer.physics.bounded import Bounded, Ordered
from epitaxy_models.transfer.physics.law import PhysicsLaw
from epitaxy_models.transfer.physics.monotone import Monotone
from epitaxy_models.transfer.physics.thermal import Arrhenius, Softening

_TRANSPORT = re.compile(r"conductiv|diffusiv|diffusion|mobilit")
# Ions hop; electrons of a metal, and heat, obey other laws.
_OTHER_TRANSPORT = re.compile(r"thermal|lattice|electron")
_WITHOUT_TEMPERATURE = re.compile(r"diffusiv|diffusion")
_STRENGTH = re.compile(r"strength|yield_stress|hardness|\buts\b|^uts")
_TEMPERATURE = re.compile(r"temp|^t$|^t_(k|c)$")


def law_of_text(text: str, units: Mapping[str, str] | None = None, property_name: str = "") -> PhysicsLaw:
    """The law that a job asks for, one of ``names.LAWS``.

    Args:
        text: Name, and what follows it.
        units: Units of conditions by name; one that is not stated is read from the end of the condition's name.
        property_name: Name of the property.

    Raises ConfigurationError (INVALID_LAW) with the forms.
    """
    name, *rest = text.split(":")
    reader = _READERS.get(name)
    if reader is None or not all(rest):
        raise _no_law(text)
    try:
        return reader(rest, units or {}, property_name)
    except (ValueError, IndexError) as error:
        raise _no_law(text) from error


def laws_of(
    texts: Sequence[str], units: Mapping[str, str], columns: Collection[str], property_name: str
) -> list[PhysicsLaw]:
    """The laws that a job asks for.

    Args:
        texts: Each one of ``names.LAWS``.
        units: Units of the numeric conditions by name.
        columns: Names of the columns of stated values.
        property_name: Name of the property.

    Raises ConfigurationError: INVALID_LAW for a text that is none, NO_CONDITION if a law reads what nobody states.
    """
    laws = [law_of_text(text, units, property_name) for text in texts]
    for law in laws:
        if law.condition and law.condition not in (*units, *columns):
            raise ConfigurationError(
                f"the law {law.name} reads {law.condition}, which is neither a numeric condition nor a column of known "
                "values: name it with --condition or --low-fidelity",
                reason="NO_CONDITION",
            )
    return laws


def law_of_settings(settings: Mapping[str, Any]) -> PhysicsLaw:
    """The law whose ``settings`` these are. Raises KeyError or ValueError if there is none."""
    fields = {key: value for key, value in settings.items() if key != "name"}
    if settings["name"] == "bounded":
        ends = {"lower": -np.inf, "upper": np.inf} | {key: end for key, end in fields.items() if end is not None}
        return Bounded(**ends)
    return _CLASSES[settings["name"]](**fields)


def suited_law(property_name: str, conditions: Mapping[str, str]) -> PhysicsLaw | None:
    """The law that a property of that name keeps in one of the conditions, by textbook; None if none is known.

    Args:
        property_name: Snake case.
        conditions: Units of the conditions by name, empty where not stated.
    """
    temperature = next((name for name, unit in conditions.items() if _is_temperature(name, unit)), None)
    if temperature is None:
        return None
    if _TRANSPORT.search(property_name) and not _OTHER_TRANSPORT.search(property_name):
        return law_of_text(f"arrhenius:{temperature}", conditions, property_name)
    if _STRENGTH.search(property_name):
        return law_of_text(f"softening:{temperature}", conditions, property_name)
    return None


def _arrhenius(rest: Sequence[str], units: Mapping[str, str], property_name: str) -> PhysicsLaw:
    (condition,) = rest
    has_temperature = not _WITHOUT_TEMPERATURE.search(property_name)
    return Arrhenius(condition, _is_celsius(condition, units.get(condition, "")), has_temperature)


def _softening(rest: Sequence[str], units: Mapping[str, str], _property: str) -> PhysicsLaw:
    (condition,) = rest
    return Softening(condition, _is_celsius(condition, units.get(condition, "")))


def _monotone(rest: Sequence[str], _units: Mapping[str, str], _property: str) -> PhysicsLaw:
    condition, direction = rest
    return Monotone(condition, _one_of(direction, "rising", "falling"))


def _bounded(rest: Sequence[str], _units: Mapping[str, str], _property: str) -> PhysicsLaw:
    lower, upper = (float(end) for end in rest)
    return Bounded(lower, upper)


def _ordered(rest: Sequence[str], _units: Mapping[str, str], _property: str) -> PhysicsLaw:
    column, side = rest
    return Ordered(column, _one_of(side, "under", "over"))


_Reader = Callable[[Sequence[str], Mapping[str, str], str], PhysicsLaw]
_READERS: Mapping[str, _Reader] = {
    "arrhenius": _arrhenius,
    "softening": _softening,
    "monotone": _monotone,
    "bounded": _bounded,
    "ordered": _ordered,
}
_CLASSES: Mapping[str, Callable[..., PhysicsLaw]] = {
    "arrhenius": Arrhenius,
    "softening": Softening,
    "monotone": Monotone,
    "ordered": Ordered,
}


def _one_of(word: str, yes: str, no: str) -> bool:
    if word not in (yes, no):
        raise ValueError(word)
    return word == yes


def _is_temperature(name: str, unit: str) -> bool:
    is_unit = unit in ("K", "kelvin", "Kelvin") or _is_celsius(name, unit)
    return bool(_TEMPERATURE.search(name.lower())) or (bool(unit) and is_unit)


def _is_celsius(name: str, unit: str) -> bool:
    return unit in ("C", "degC", "Celsius", "degree Celsius", "°C") or (not unit and suffix_of(name) == "C")


def _no_law(text: str) -> ConfigurationError:
    return ConfigurationError(f"{text[:80]!r} is not a law: write one of {', '.join(LAWS)}", reason="INVALID_LAW")
