"""Peers: other substrates whose features may stand beside ours. Each is an extra and is imported only when used."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import ConfigurationError
from epitaxy_models.structures.structure import Structure
from epitaxy_models.transfer.inputs import PEER_PREFIX
from epitaxy_models.transfer.names import PEERS

__all__ = ["PEERS", "peer_blocks"]

_Features = Callable[[Sequence[Structure]], NDArray[np.float64]]


def peer_blocks(peers: Sequence[str], structures: Sequence[Structure]) -> dict[str, NDArray[np.float64]]:
    """Features of each peer by the name of their block, ``[n_structures, width]``.

    Raises ConfigurationError if a peer is unknown or not installed, and passes on what a peer raises for a structure
    that it cannot read, with the structure's row in the message.
    """
    return {f"{PEER_PREFIX}{peer}": _features_of(peer)(structures) for peer in peers}


def _features_of(peer: str) -> _Features:
    if peer not in _FEATURES:
        raise ConfigurationError(f"there is no peer {peer!r}: choose from {', '.join(PEERS)}", reason="UNKNOWN_PEER")
    return _FEATURES[peer]()


def _chgnet() -> _Features:
    from epitaxy_models.transfer.peers.chgnet import chgnet_features  # noqa: PLC0415 - loads torch

    return chgnet_features


_FEATURES: dict[str, Callable[[], _Features]] = {"chgnet": _chgnet}
