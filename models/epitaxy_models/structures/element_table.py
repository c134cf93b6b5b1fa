"""Elemental properties behind the descriptors, without gaps."""

from collections.abc import Mapping
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.structures.elements import SYMBOLS
from epitaxy_models.structures.radii import COVALENT_RADII

Array = NDArray[np.float64]

LAST_TABULATED = 103
_FILE = "element_properties.csv"
_SHELL_CAPACITY = {"s": 2, "p": 6, "d": 10, "f": 14}


def tabulated() -> Mapping[str, Array]:
    """Columns of the file, ``[103]`` each in the order of atomic numbers, NaN where a value is not known."""
    lines = [line for line in files(__package__).joinpath(_FILE).read_text().splitlines() if not line.startswith("#")]
    names = lines[0].split(",")
    cells = np.array([line.split(",") for line in lines[1:]])
    cells[cells == ""] = "nan"
    return {name: cells[:, i].astype(np.float64) for i, name in enumerate(names) if name != "symbol"}


def _imputed(values: Array, order: Array) -> Array:
    """Gaps interpolated along the Mendeleev number, on whose line similar elements are neighbours (Pettifor 1984)."""
    is_known = np.isfinite(values)
    known = np.flatnonzero(is_known)[np.argsort(order[is_known])]
    return np.where(is_known, values, np.interp(order, order[known], values[known]))


def _shells(columns: Mapping[str, Array]) -> dict[str, Array]:
    """Sums and vacancies of the valence shells; a shell without electrons counts as closed (Ward et al. 2016)."""
    filled = {shell: columns[f"{shell}_valence"] for shell in _SHELL_CAPACITY}
    unfilled = {shell: np.where(filled[shell] > 0, n - filled[shell], 0.0) for shell, n in _SHELL_CAPACITY.items()}
    return {
        "valence": np.sum(list(filled.values()), axis=0),
        **{f"{shell}_unfilled": values for shell, values in unfilled.items()},
        "unfilled": np.sum(list(unfilled.values()), axis=0),
    }


def _complete() -> dict[str, Array]:
    known = tabulated()
    columns = {name: _imputed(values, known["mendeleev_number"]) for name, values in known.items()}
    radii = np.array(COVALENT_RADII[1 : LAST_TABULATED + 1], dtype=np.float64)
    return columns | {"covalent_radius": radii} | _shells(columns)


def _by_atomic_number(columns: Mapping[str, Array]) -> Array:
    rows = np.stack(list(columns.values()), axis=1)
    # Row 0 belongs to no element; superheavy elements, of which next to nothing is measured, get lawrencium's values.
    table = np.concatenate([rows[:1], rows, np.repeat(rows[-1:], len(SYMBOLS) - LAST_TABULATED, axis=0)])
    table.setflags(write=False)
    return table


_COLUMNS = _complete()

ELEMENT_PROPERTIES = tuple(_COLUMNS)
"""Names of the properties."""

ELEMENT_TABLE = _by_atomic_number(_COLUMNS)
"""Float64 ``[119, n_properties]`` by atomic number, finite: u, Angstrom, K, cm^3/mol, GPa, eV, Hartree."""


def property_of_elements(name: str) -> Array:
    """One property by atomic number, ``[119]``."""
    return np.ascontiguousarray(ELEMENT_TABLE[:, ELEMENT_PROPERTIES.index(name)])
