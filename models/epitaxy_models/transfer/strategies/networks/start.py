"""Where a transfer network starts from: fresh weights, or pretrained ones with a readout fitted in closed form."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from epitaxy_models.backbones.config import BackboneConfig
from epitaxy_models.backbones.stacked import StackedBackbone
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.errors import CheckpointError, ConfigurationError
from epitaxy_models.training.network import member_axis
from epitaxy_models.transfer.strategies.networks.body import TransferHead, TransferNetwork

_N_HIDDEN = 64
# Strengths over the largest eigenvalue of the Gram matrix, so that they fit any number of rows.
_STRENGTHS = np.logspace(-5, 1, 37)
_FACTORS_OF_KNOWN = (1.0, 4.0, 16.0)


def fresh_network(shape: BackboneConfig, n_known: int, seed: int) -> TransferNetwork:
    """Random weights by ``seed``; the readout starts at zero, that is at the median of the labels."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return TransferNetwork(
            StackedBackbone(shape), TransferHead(shape.n_members, shape.embedding_width, _N_HIDDEN, 0, n_known)
        )


def pretrained_network(artifact: ModelArtifact, n_members: int, n_known: int, n_frozen: int) -> TransferNetwork:
    """The first members of the substrate, with the hidden layers of all its heads side by side.

    Raises ConfigurationError if it has fewer members or layers, CheckpointError if weights do not fit its card.
    """
    whole = artifact.card.backbone
    if not (1 <= n_members <= whole.n_members and 0 <= n_frozen < whole.n_layers):
        raise ConfigurationError(
            f"{n_members} members with {n_frozen} frozen layers: the substrate has {whole.n_members} members with "
            f"{whole.n_layers} layers, of which one must learn",
            reason="INVALID_FINE_TUNE",
        )
    shape = replace(whole, n_members=n_members)
    n_hidden, n_references = artifact.heads["hidden"].shape[2], artifact.heads["references"].shape[1]
    head = TransferHead(n_members, shape.embedding_width, n_hidden, n_references, n_known)
    network = TransferNetwork(StackedBackbone(shape), head, n_frozen)
    wanted = {name: _members(name, value, n_members) for name, value in artifact.backbone.items()}
    try:
        network.backbone.load_state_dict(wanted)
        with torch.no_grad():
            head.hidden.copy_(_members("hidden", artifact.heads["hidden"], n_members))
            head.hidden_bias.copy_(_members("hidden_bias", artifact.heads["hidden_bias"], n_members))
            head.references.copy_(torch.from_numpy(artifact.heads["references"]))
    except RuntimeError as error:
        raise CheckpointError(f"weights do not fit the card: {error}", reason="INVALID_WEIGHTS") from error
    return network


def _members(name: str, value: NDArray[np.float32], n_members: int) -> Tensor:
    return torch.from_numpy(np.take(value, np.arange(n_members), axis=member_axis(name)))


@torch.no_grad()
def fit_readout(head: TransferHead, features: Tensor, labels: NDArray[np.float64], counted: NDArray[np.bool_]) -> None:
    """Sets the linear readout of each member by ridge regression on the rows that it counts.

    A readout that fits before the layers below it move does not distort them at first (Kumar et al., ICLR 2022).

    Args:
        head: Its value and bias are set.
        features: Standardised, ``[n_members, n_rows, n_features]``.
        labels: ``[n_rows]``.
        counted: Rows that each member counts, ``[n_members, n_rows]``.
    """
    for member, chosen in enumerate(counted):
        rows = features[member].numpy()[chosen].astype(np.float64)
        middle, centre = rows.mean(axis=0), float(labels[chosen].mean())
        fits = [_ridge(rows - middle, labels[chosen] - centre, trust) for trust in _trusts(head)]
        _, value = min(fits, key=lambda fit: fit[0])
        head.value[member, :, 0] = torch.from_numpy(value)
        head.bias[member] = centre - float(middle @ value)


def _trusts(head: TransferHead) -> list[NDArray[np.float64]]:
    """Scales of the features, ``[n_features]`` each: a block counts as one, however many features it has.

    What the caller knows may count for more, as a label of lower fidelity is often the label but for a line.
    """
    blocks = np.repeat([1 / np.sqrt(max(size, 1)) for size in head.sizes], head.sizes)
    n_known = head.sizes[-1]
    is_known = np.arange(len(blocks)) >= len(blocks) - n_known
    return [np.where(is_known, factor, 1.0) * blocks for factor in (_FACTORS_OF_KNOWN if n_known else (1.0,))]


def _ridge(
    rows: NDArray[np.float64], labels: NDArray[np.float64], trust: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """Least mean squared leave-one-out error over all strengths, and the coefficients there, ``[n_features]``."""
    scaled = rows * trust
    eigenvalues, vectors = np.linalg.eigh(scaled @ scaled.T)
    eigenvalues = eigenvalues.clip(min=0.0)
    projected = vectors.T @ labels
    best, chosen = np.inf, 0.0
    for strength in _STRENGTHS * max(float(eigenvalues[-1]), 1e-12):
        kept = strength / (eigenvalues + strength)
        left_out = (vectors @ (kept * projected)) / (np.square(vectors) @ kept)
        error = float(np.mean(left_out**2))
        if error < best:
            best, chosen = error, float(strength)
    return best, trust * (scaled.T @ (vectors @ (projected / (eigenvalues + chosen))))
