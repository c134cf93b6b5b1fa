"""Laws of temperature: thermally activated transport, and strength that heat softens."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.physics.law import LawParameter

Array = NDArray[np.float64]

BOLTZMANN_EV_PER_K = 8.617333262e-5
"""CODATA 2018."""
_CELSIUS_ZERO_K = 273.15
# Laws of 1/T have no value at or below it.
_COLDEST_K = 1.0
# Logarithms beyond these would overflow on the way back.
_LOG_LIMIT = 690.0


@dataclass(frozen=True, slots=True)
class _Thermal:
    """A law of temperature.

    Attributes:
        condition: Name of the temperature.
        is_celsius: Whether it is given in degrees Celsius, otherwise in kelvin.
    """

    condition: str
    is_celsius: bool = False

    def kelvin(self, conditions: Array) -> Array:
        """Temperatures in K, ``[n_rows]``; NaN for what no matter has."""
        kelvin = conditions + (_CELSIUS_ZERO_K if self.is_celsius else 0.0)
        return np.where(kelvin >= _COLDEST_K, kelvin, np.nan)


@dataclass(frozen=True, slots=True)
class Arrhenius(_Thermal):
    """Hops over a barrier: ``sigma T = A exp(-E / kT)``, or without the T.

    Attributes:
        has_temperature: Whether the value times temperature follows the exponential, as an ionic conductivity does
            (Nernst-Einstein); a diffusivity or a rate does by itself.
        name: Name of the law.
        source: Source.
    """

    has_temperature: bool = True
    name: str = "arrhenius"
    source: str = "Tilley, Defects in Solids (2008), sec. 6.4: sigma T = A exp(-E / kT) of hopping ions"

    @property
    def parameters(self) -> tuple[LawParameter, ...]:
        """Logarithm of the prefactor, in the value's unit (times K), and the activation energy."""
        return LawParameter("log_prefactor", "ln(value K)" if self.has_temperature else "ln(value)"), LawParameter(
            "activation_energy", "eV", lower=0.0
        )

    def basis(self, conditions: Array) -> Array:
        """1 and -1 / kT, in 1/eV, ``[n_rows, 2]``."""
        return np.stack([np.ones(len(conditions)), -1 / (BOLTZMANN_EV_PER_K * self.kelvin(conditions))], axis=1)

    def straight(self, values: Array, conditions: Array) -> Array:
        """``ln(value T)`` or ``ln(value)``; NaN for a value that is not positive."""
        return _log(values) + self._log_temperature(conditions)

    def value(self, straight: Array, conditions: Array) -> Array:
        """Values, always positive."""
        return np.exp(np.clip(straight - self._log_temperature(conditions), -_LOG_LIMIT, _LOG_LIMIT))

    def settings(self) -> Mapping[str, Any]:
        """Plain values."""
        return _settings(self) | {"has_temperature": self.has_temperature}

    def _log_temperature(self, conditions: Array) -> Array:
        return np.log(self.kelvin(conditions)) if self.has_temperature else np.zeros(len(conditions))


@dataclass(frozen=True, slots=True)
class Softening(_Thermal):
    """Thermally activated yield strength: ``strength = strength_0 exp(-rate kT)``.

    The rate is ``ln(reference strain rate / strain rate)`` over the energy barrier, with the theory's constant.

    Attributes:
        name: Name of the law.
        source: Source.
    """

    name: str = "softening"
    source: str = "Varvenne, Luque & Curtin, Acta Mater. 118, 164 (2016): the exponential regime of random alloys"

    @property
    def parameters(self) -> tuple[LawParameter, ...]:
        """Logarithm of the strength at 0 K, and the rate of softening."""
        return LawParameter("log_strength", "ln(value)"), LawParameter("softening_rate", "1/eV", lower=0.0)

    def basis(self, conditions: Array) -> Array:
        """1 and -kT, in eV, ``[n_rows, 2]``."""
        return np.stack([np.ones(len(conditions)), -BOLTZMANN_EV_PER_K * self.kelvin(conditions)], axis=1)

    def straight(self, values: Array, conditions: Array) -> Array:
        """``ln(value)``; NaN for a value that is not positive."""
        return _log(values)

    def value(self, straight: Array, conditions: Array) -> Array:
        """Values, always positive."""
        return np.exp(np.clip(straight, -_LOG_LIMIT, _LOG_LIMIT))

    def settings(self) -> Mapping[str, Any]:
        """Plain values."""
        return _settings(self)


def _log(values: Array) -> Array:
    return np.log(np.where(values > 0, values, np.nan))


def _settings(law: "Arrhenius | Softening") -> dict[str, Any]:
    return {"name": law.name, "condition": law.condition, "is_celsius": law.is_celsius}
