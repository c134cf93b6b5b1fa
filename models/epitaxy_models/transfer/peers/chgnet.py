"""CHGNet as a second substrate: its crystal features as a block. Deng et al., Nat. Mach. Intell. 5, 1031 (2023)."""

import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from epitaxy_models.errors import ConfigurationError, InvalidStructureError, UnsupportedElementError
from epitaxy_models.structures.elements import SYMBOLS
from epitaxy_models.structures.structure import Structure
from epitaxy_models.transfer.inputs import PEER_PREFIX

PEER = "chgnet"
BLOCK = f"{PEER_PREFIX}{PEER}"
WIDTH = 64
_WEIGHTS = "0.3.0"
_LAST_ELEMENT = 94
# Atoms a pass: angles within 3 Angstrom are what takes memory.
_ATOMS_A_BATCH = 512
_LOG = logging.getLogger(__name__)


def chgnet_features(structures: Sequence[Structure]) -> NDArray[np.float64]:
    """Mean over the atoms of CHGNet's last states, ``[n_structures, 64]``; equal for every cell of a crystal.

    Raises ConfigurationError (PEER_NOT_INSTALLED) if the package is absent, and with the row in the message
    UnsupportedElementError (an element beyond plutonium) or InvalidStructureError (an atom without neighbours).
    """
    model = _model()
    graphs = [_graph(model, row, structure) for row, structure in enumerate(structures)]
    features = [_features(model, batch) for batch in _batches(graphs)]
    return np.concatenate([np.zeros((0, WIDTH), dtype=np.float32), *features]).astype(np.float64)


@cache
def _model() -> Any:
    """The pretrained network on the CPU, once a process; the weights lie within the package."""
    try:
        from chgnet.model.model import CHGNet  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"CHGNet cannot be imported ({error.name} is missing): pip install epitaxy[chgnet], or leave the peer out",
            reason="PEER_NOT_INSTALLED",
        ) from error
    # It announces itself on stdout, where a command's answer goes.
    with redirect_stdout(io.StringIO()):
        model = CHGNet.load(model_name=_WEIGHTS, use_device="cpu", verbose=False)
    model.graph_converter.on_isolated_atoms = "error"
    return model.eval().requires_grad_(False)


def _graph(model: Any, row: int, structure: Structure) -> Any:
    heaviest = int(structure.atomic_numbers.max())
    if heaviest > _LAST_ELEMENT:
        raise UnsupportedElementError(
            f"structure {row}: CHGNet does not know {SYMBOLS[heaviest - 1]}", reason="NO_PEER_FEATURES"
        )
    from pymatgen.core import Structure as PymatgenStructure  # noqa: PLC0415 - takes a second, and chgnet loads it

    crystal = PymatgenStructure(structure.lattice, structure.atomic_numbers.tolist(), structure.frac_coords)
    try:
        return model.graph_converter(crystal)
    except (ValueError, RuntimeError) as error:
        _LOG.info("CHGNet makes no graph of structure %d: %s", row, error)
        raise InvalidStructureError(
            f"structure {row}: CHGNet needs a neighbour within 6 Angstrom of each atom; leave the row or the peer out",
            reason="NO_PEER_FEATURES",
        ) from error


def _batches(graphs: Sequence[Any]) -> Iterator[list[Any]]:
    batch: list[Any] = []
    n_atoms = 0
    for graph in graphs:
        if batch and n_atoms + len(graph.atomic_number) > _ATOMS_A_BATCH:
            yield batch
            batch, n_atoms = [], 0
        batch.append(graph)
        n_atoms += len(graph.atomic_number)
    if batch:
        yield batch


@torch.no_grad()
def _features(model: Any, graphs: Sequence[Any]) -> NDArray[np.float32]:
    """Of one batch. The package sums over the atoms, which would tell a cell from its double."""
    sums = model(graphs, task="e", return_crystal_feas=True)["crystal_fea"].numpy()
    n_atoms = np.array([len(graph.atomic_number) for graph in graphs])
    return np.asarray(sums / n_atoms[:, None])
