"""The contract of a law: parameters of each structure, and a value from them and from the conditions.

Every law here is linear in its parameters on a scale of its own: ``straight = sum_p parameter_p basis_p(condition)``.
A label at any condition then informs every parameter exactly, through one Gaussian process.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import ConfigurationError

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LawParameter:
    """One parameter that every structure has.

    Attributes:
        name: Snake case.
        unit: Its unit; a logarithm is written as ``ln(...)``.
        lower: Smallest physical value.
        upper: Largest physical value.
    """

    name: str
    unit: str
    lower: float = -np.inf
    upper: float = np.inf


class PhysicsLaw(Protocol):
    """A law. Implementations are frozen; ``settings`` rebuilds an equal one through ``catalogue.law_of_settings``.

    The first parameter is a level: its basis is 1 at every condition.
    """

    @property
    def name(self) -> str:
        """Stable, snake case: ``arrhenius``."""

    @property
    def source(self) -> str:
        """Where a textbook or an article states it."""

    @property
    def condition(self) -> str:
        """Name of the condition that it reads; empty if it reads none."""

    @property
    def parameters(self) -> tuple[LawParameter, ...]:
        """What every structure has."""

    def basis(self, conditions: Array) -> Array:
        """What multiplies each parameter at conditions ``[n_rows]``, ``[n_rows, n_parameters]``."""

    def straight(self, values: Array, conditions: Array) -> Array:
        """Values ``[n_rows]`` on the scale that is linear in the parameters; NaN for a value that the law forbids."""

    def value(self, straight: Array, conditions: Array) -> Array:
        """The inverse of ``straight``, ``[n_rows]``; monotonic, so that interval ends may pass through."""

    def settings(self) -> Mapping[str, Any]:
        """Plain values."""


def values_of(law: PhysicsLaw, parameters: Array, conditions: Array) -> Array:
    """Values, ``[n_rows]``, from parameters ``[n_rows, n_parameters]`` at conditions ``[n_rows]``."""
    straight = (parameters * law.basis(conditions)).sum(axis=1)
    return law.value(straight, conditions)


def parameters_of(law: PhysicsLaw, values: Array, conditions: Array) -> Array:
    """Parameters ``[n_parameters]`` of one structure from its values at several conditions, ``[n_labels]`` each.

    The least-squares inverse of ``values_of``. Raises ConfigurationError (LAW_UNDETERMINED) if the conditions are too
    few to tell the parameters apart.
    """
    basis = law.basis(conditions)
    require_determined(law, basis)
    found, *_ = np.linalg.lstsq(basis, law.straight(values, conditions), rcond=None)
    return np.asarray(found, dtype=np.float64)


def require_determined(law: PhysicsLaw, basis: Array) -> None:
    """Raises ConfigurationError (LAW_UNDETERMINED) if a basis, ``[n_rows, n_parameters]``, leaves a parameter open."""
    scales = np.maximum(np.abs(basis).max(axis=0, initial=0.0), np.finfo(np.float64).tiny)
    if len(basis) < basis.shape[1] or np.linalg.matrix_rank(basis / scales, tol=1e-6 * len(basis)) < basis.shape[1]:
        raise ConfigurationError(
            f"the law {law.name} has {basis.shape[1]} parameters, and the labels have too few values of "
            f"{law.condition or 'the property'} to tell them apart: add labels at other conditions",
            reason="LAW_UNDETERMINED",
        )
