"""Other substrates whose features may stand beside ours; each is an extra of its own and imported when asked for."""

from collections.abc import Sequence
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import ConfigurationError
from epitaxy_models.structures.structure import Structure
from epitaxy_models.transfer.inputs import PEER_PREFIX
from epitaxy_models.transfer.names import PEERS

__all__ = ["PEERS", "peer_blocks"]

_FEATURES = {"chgnet": ("epitaxy_models.transfer.peers.chgnet", "chgnet_features")}


def peer_blocks(peers: Sequence[str], structures: Sequence[Structure]) -> dict[str, NDArray[np.float64]]:
    """Features of each peer, ``[n_structures, width]`` by block name.

    Raises ConfigurationError where a peer is unknown or not installed, and what the peer raises for a structure that it
    cannot read, with its row in the message.
    """
    blocks = {}
    for peer in peers:
        if peer not in _FEATURES:
            raise ConfigurationError(
                f"there is no peer {peer!r}: choose from {', '.join(PEERS)}", reason="UNKNOWN_PEER"
            )
        module, function = _FEATURES[peer]
        blocks[f"{PEER_PREFIX}{peer}"] = getattr(import_module(module), function)(structures)
    return blocks
