"""What objects and tables carry along with a crystal, as JSON that tells the server of it.

Arrays go over the wire without a word on charges, moments, oxidation states, isotopes and occupancies. A structure that
has any of them goes as pymatgen's JSON, which the server reads by the same rules as a file (docs/inputs.md).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy.client.defaults import MAX_STRUCTURE_BYTES
from epitaxy.client.inputs.item import Text

_FULL = 1e-3


def text_of(
    lattice: Any,
    species: Sequence[Any],
    frac_coords: Any,
    *,
    net_charge: float | None = None,
    charges: Any = None,
    moments: Any = None,
) -> Text | None:
    """The structure as pymatgen's JSON; None if it is larger than what is sent.

    Args:
        lattice: Row vectors, Angstrom.
        species: A symbol for each site, or shares by symbol.
        frac_coords: Fractional coordinates.
        net_charge: Of the cell, elementary charges.
        charges: One a site, or None.
        moments: One a site, or None.
    """
    columns = {"charge": charges, "magmom": moments}
    properties = [
        {name: _plain(values[site]) for name, values in columns.items() if values is not None}
        for site in range(len(species))
    ]
    sites = [
        {"species": _listed(one), "abc": position, "properties": carried}
        for one, position, carried in zip(species, np.asarray(frac_coords).tolist(), properties, strict=True)
    ]
    document = {"lattice": {"matrix": np.asarray(lattice).tolist()}, "charge": _plain(net_charge), "sites": sites}
    content = json.dumps(document, default=str)
    return Text("pymatgen_json", content) if len(content) <= MAX_STRUCTURE_BYTES else None


def kinds_with_shares(occupancy: object, kinds: Any) -> dict[str, Mapping[str, float]]:
    """Shares by kind of site where a kind is mixed or partly empty, as ASE keeps them in ``info["occupancy"]``."""
    if not isinstance(occupancy, Mapping):
        return {}
    used = None if kinds is None else {str(kind) for kind in kinds}
    return {
        str(kind): shares
        for kind, shares in occupancy.items()
        if isinstance(shares, Mapping) and (used is None or str(kind) in used) and not _is_full(shares)
    }


def _is_full(shares: Mapping[str, Any]) -> bool:
    share = next(iter(shares.values())) if len(shares) == 1 else 0
    return isinstance(share, int | float) and abs(share - 1) <= _FULL


def is_nonzero(values: Any) -> bool:
    """Whether any number of an array is not zero; False for None."""
    try:
        array: NDArray[np.float64] = np.asarray(0 if values is None else values, dtype=np.float64)
    except (TypeError, ValueError):
        return False
    return bool(np.any(np.nan_to_num(array) != 0))


def _listed(species: Any) -> list[dict[str, Any]]:
    shares = species if isinstance(species, Mapping) else {str(species): 1}
    return [{"element": str(symbol), "occu": _plain(share)} for symbol, share in shares.items()]


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
