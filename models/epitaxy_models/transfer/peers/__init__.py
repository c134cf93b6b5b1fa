"""Peers: other substrates whose features may stand beside ours. Each is an extra and is imported only when used."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import ConfigurationError
from epitaxy_models.materials.kind import MaterialKind
from epitaxy_models.structures.structure import Structure
from epitaxy_models.transfer.inputs import PEER_PREFIX
from epitaxy_models.transfer.names import PEERS

__all__ = ["KINDS", "PEERS", "check_peers", "peer_blocks"]

KINDS: Mapping[str, frozenset[MaterialKind]] = {
    "chgnet": frozenset({MaterialKind.STRUCTURE}),
    "minimol": frozenset({MaterialKind.MOLECULE, MaterialKind.POLYMER}),
}
"""What each peer reads."""
_Features = Callable[[Sequence[Structure]], NDArray[np.float64]]


def peer_blocks(peers: Sequence[str], structures: Sequence[Structure]) -> dict[str, NDArray[np.float64]]:
    """Features of each peer by the name of their block, ``[n_structures, width]``.

    Raises ConfigurationError if a peer is unknown or not installed, and passes on what a peer raises for a structure
    that it cannot read, with the structure's row in the message.
    """
    return {f"{PEER_PREFIX}{peer}": _features_of(peer)(structures) for peer in peers}


def check_peers(peers: Sequence[str], kind: MaterialKind) -> None:
    """Raises ConfigurationError (OTHER_PEER) for a peer that reads other materials."""
    for peer in peers:
        # An unknown one is refused where its features are asked for.
        if kind not in KINDS.get(peer, {kind}):
            named = " and ".join(sorted(f"{one.value}s" for one in KINDS[peer]))
            message = f"the peer {peer} reads {named}, and the labels are of a {kind.value}: leave it out"
            raise ConfigurationError(message, reason="OTHER_PEER")


def _features_of(peer: str) -> _Features:
    if peer not in _FEATURES:
        raise ConfigurationError(f"there is no peer {peer!r}: choose from {', '.join(PEERS)}", reason="UNKNOWN_PEER")
    return _FEATURES[peer]()


def _chgnet() -> _Features:
    from epitaxy_models.transfer.peers.chgnet import chgnet_features  # noqa: PLC0415 - loads torch

    return chgnet_features


def _minimol() -> _Features:
    from epitaxy_models.transfer.peers.minimol import minimol_features  # noqa: PLC0415 - loads RDKit

    return minimol_features


_FEATURES: dict[str, Callable[[], _Features]] = {"chgnet": _chgnet, "minimol": _minimol}
