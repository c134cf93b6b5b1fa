"""Limits that every served answer keeps, its interval ends included: bounds of a property, and the order of two."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.heads.property import PropertyDefinition
from epitaxy_models.transfer.physics.bounded import Bounded, Ordered
from epitaxy_models.transfer.physics.law import PhysicsLaw

Array = NDArray[np.float64]

# What no value of a property leaves, whatever the material, by its name; the first that fits counts. A logarithm has
# other bounds, and a name such as "change_of_gap" none.
_NO_BOUNDS = re.compile(r"change|difference|delta|shift|residual|error|log|_ln|deformation|relative")
_KNOWN: Sequence[tuple[re.Pattern[str], float, float]] = (
    (re.compile(r"poisson"), -1.0, 0.5),  # of isotropic, stable media: Landau & Lifshitz, Theory of Elasticity, sec. 5
    (re.compile(r"(^|_)(band_?gap|gap)(_|$)"), 0.0, np.inf),
    (re.compile(r"conductivity|diffusivity|mobility|resistivity|viscosity"), 0.0, np.inf),
    (re.compile(r"modulus|hardness|strength|toughness|elongation"), 0.0, np.inf),
    (re.compile(r"dielectric|permittivity"), 1.0, np.inf),
    (re.compile(r"density|heat_capacity|critical_temp|melting|glass_transition"), 0.0, np.inf),
)


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """A value that stays under, or over, one that the caller states.

    Attributes:
        column: Name of the stated value.
        is_under: Whether the value stays under it.
    """

    column: str
    is_under: bool

    def kept(self, values: Array, stated: Array) -> Array:
        """The values on their side of what is stated, ``[n_rows]`` each; NaN states nothing."""
        limits = np.where(np.isnan(stated), np.inf if self.is_under else -np.inf, stated)
        return np.asarray(np.minimum(values, limits) if self.is_under else np.maximum(values, limits))


def with_limits(definition: PropertyDefinition, laws: Sequence[PhysicsLaw], labels: Array) -> PropertyDefinition:
    """A definition with the bounds that were asked for, or else with those that the property is known to have.

    Known bounds that a label ``[n_rows]`` breaks belong to another property of a similar name: they are left out.
    """
    asked = next((law for law in laws if isinstance(law, Bounded)), None)
    if asked is not None:
        return _bounded(definition, asked.lower, asked.upper)
    if definition.lower_bound is not None or definition.upper_bound is not None:
        return definition
    low, high = known_bounds(definition.name, definition.unit)
    return _bounded(definition, low if labels.min() >= low else -np.inf, high if labels.max() <= high else np.inf)


def known_bounds(name: str, unit: str) -> tuple[float, float]:
    """Smallest and largest physical value of a property; infinite where none is known."""
    if _NO_BOUNDS.search(name) or re.match(r"\s*(log|ln|lg)|dex", unit):
        return -np.inf, np.inf
    found = next(((low, high) for pattern, low, high in _KNOWN if pattern.search(name)), None)
    return found or (-np.inf, np.inf)


def orders_of(laws: Sequence[PhysicsLaw]) -> tuple[KnownOrder, ...]:
    """The orders among some laws."""
    return tuple(KnownOrder(law.condition, law.is_under) for law in laws if isinstance(law, Ordered))


def in_known_order(values: Array, orders: Sequence[KnownOrder], stated: Mapping[str, Array]) -> Array:
    """Values ``[n_rows]`` on their side of every stated one."""
    for order in orders:
        if order.column in stated:
            values = order.kept(values, stated[order.column])
    return values


def _bounded(definition: PropertyDefinition, low: float, high: float) -> PropertyDefinition:
    ends = (float(end) if np.isfinite(end) else None for end in (low, high))
    return replace(definition, lower_bound=next(ends), upper_bound=next(ends))
