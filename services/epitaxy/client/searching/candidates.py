"""Candidates in the cheap form: compositions and volumes of cells, texts as they are."""

from collections.abc import Sequence

import numpy as np

from epitaxy.api.prediction.v1 import search_pb2
from epitaxy.client.inputs.item import Cell, InputItem
from epitaxy.client.screening.packing import pack_items

_N_NUMBERS = 256


def candidate_block(items: Sequence[InputItem]) -> search_pb2.CandidateBlock:
    """One message of candidates, in the order of the items."""
    cells = [item.source for item in items if isinstance(item.source, Cell)]
    if len(cells) == len(items):
        return search_pb2.CandidateBlock(columns=_columns(cells))
    return search_pb2.CandidateBlock(structures=search_pb2.CandidateStructures(structures=pack_items(items)[0]))


def _columns(cells: Sequence[Cell]) -> search_pb2.CandidateColumns:
    sizes = np.array([len(cell.atomic_numbers) for cell in cells], dtype=np.int64)
    owners = np.repeat(np.arange(len(cells), dtype=np.int64), sizes)
    numbers = np.concatenate([cell.atomic_numbers for cell in cells])
    keys, counts = np.unique(owners * _N_NUMBERS + numbers, return_counts=True)
    with np.errstate(all="ignore"):  # a lattice of NaN has no volume, and intake refuses it
        volumes = np.abs(np.linalg.det(np.stack([cell.lattice for cell in cells])))
    return search_pb2.CandidateColumns(
        n_elements=np.bincount(keys // _N_NUMBERS, minlength=len(cells)).astype("<u4").tobytes(),
        atomic_numbers=(keys % _N_NUMBERS).astype(np.uint8).tobytes(),
        amounts=counts.astype("<f4").tobytes(),
        volumes=volumes.astype("<f8").tobytes(),
        n_sites=sizes.astype("<u4").tobytes(),
    )
