"""From a starting network and labels to a trained one, with the error that it makes on rows left out."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from epitaxy_models.transfer.inputs import LOW_FIDELITY_PREFIX, TransferInputs
from epitaxy_models.transfer.splits import grouped_folds
from epitaxy_models.transfer.strategies.networks.batches import Minibatch, minibatches, one_thread, predict
from epitaxy_models.transfer.strategies.networks.body import TransferNetwork
from epitaxy_models.transfer.strategies.networks.start import fit_readout
from epitaxy_models.transfer.strategies.networks.training import Training, TrainingPlan

# Folds that members leave out in turn while they look for the number of epochs.
_N_FOLDS = 5

Array = NDArray[np.float64]
Start = Callable[[int], TransferNetwork]


@dataclass(frozen=True, slots=True, eq=False)
class TrainedNetwork:
    """What a fit leaves.

    Attributes:
        network: Averaged weights, rounded to float16 as they are kept.
        epochs: Passes over the rows.
        noise: Root mean square error of one member on rows that it left out, in units of the labels' spread.
    """

    network: TransferNetwork
    epochs: int
    noise: float


def known_names(inputs: TransferInputs) -> tuple[str, ...]:
    """Blocks of values that the caller knows, in a fixed order."""
    return tuple(sorted(name for name in inputs.blocks if name.startswith(LOW_FIDELITY_PREFIX)))


def known_values(inputs: TransferInputs, names: Sequence[str]) -> NDArray[np.float32]:
    """These blocks side by side, ``[n_rows, n_known]``."""
    blocks = [inputs.blocks[name] for name in names]
    return np.concatenate([np.zeros((inputs.n_rows, 0)), *blocks], axis=1).astype(np.float32)


def train(
    start: Start, inputs: TransferInputs, labels: Array, plan: TrainingPlan, seed: int, *, readout: bool
) -> TrainedNetwork:
    """Finds the number of epochs on folds left out, then trains as long on all rows.

    Args:
        start: Makes the network to start from, given the number of known values.
        inputs: Rows.
        labels: Centred and in units of their spread, ``[n_rows]``.
        plan: Settings.
        seed: Seed of the folds and of the order of the rows.
        readout: Whether the readout starts from a ridge regression, not from zero.
    """
    known = known_values(inputs, known_names(inputs))
    with one_thread():
        network = start(known.shape[1])
        order = np.random.default_rng(seed).permutation(inputs.n_rows)
        batches = minibatches(network, inputs.graphs, known, order, plan.batch_size)
        left_out = _left_out(inputs.formulas, network.config.n_members, seed)

        def training(counted: NDArray[np.bool_]) -> Training:
            learner = copy.deepcopy(network)
            _start_head(learner, batches, labels, counted, readout=readout)
            return Training(learner, batches, labels, counted, plan, seed)

        epochs, noise = _search(training(~left_out), batches, labels, left_out)
        final = training(np.ones_like(left_out))
        for _ in range(epochs):
            final.run_epoch()
        return TrainedNetwork(_rounded(final.average), epochs, noise)


def _left_out(formulas: Sequence[str], n_members: int, seed: int) -> NDArray[np.bool_]:
    """Rows on which each member is judged, ``[n_members, n_rows]``: a fold of formulas each."""
    folds = grouped_folds(formulas, seed, n_repeats=1, n_folds=min(_N_FOLDS, len(set(formulas))))
    left_out = np.zeros((n_members, len(formulas)), dtype=np.bool_)
    for member in range(n_members):
        left_out[member, folds[member % len(folds)].test] = True
    return left_out


@torch.no_grad()
def _start_head(
    network: TransferNetwork, batches: Sequence[Minibatch], labels: Array, counted: NDArray[np.bool_], *, readout: bool
) -> None:
    rows = np.concatenate([batch.rows for batch in batches])
    embeddings = torch.cat([network.embed(batch.graph, batch.ground) for batch in batches], dim=1)
    composition = torch.cat([batch.graph.composition for batch in batches])
    known = torch.cat([batch.known for batch in batches])
    weights = counted[:, rows]
    network.head.standardise(embeddings, composition, known, torch.from_numpy(weights.astype(np.float32)))
    if readout:
        fit_readout(network.head, network.head.features(embeddings, composition, known), labels[rows], weights)


def _search(
    training: Training, batches: Sequence[Minibatch], labels: Array, left_out: NDArray[np.bool_]
) -> tuple[int, float]:
    """Epochs of the least mean absolute error on rows left out, 0 among them, and the root mean square error there."""
    best_score, best_epochs, noise, looks_since = np.inf, 0, 1.0, 0
    for epochs in range(0, training.plan.max_epochs + 1, training.plan.check_every):
        errors = (predict(training.average, batches) - labels)[left_out]
        score, looks_since = float(np.abs(errors).mean()), looks_since + 1
        if score < best_score:
            best_score, best_epochs, looks_since = score, epochs, 0
            noise = float(np.sqrt(np.mean(errors**2)))
        if looks_since >= training.plan.patience:
            break
        for _ in range(training.plan.check_every):
            training.run_epoch()
    return best_epochs, noise


@torch.no_grad()
def _rounded(network: TransferNetwork) -> TransferNetwork:
    """Weights as float16 keeps them, so that a restored network answers as this one does."""
    for parameter in network.parameters():
        parameter.copy_(parameter.half().float())
    return network.eval().requires_grad_(requires_grad=False)
