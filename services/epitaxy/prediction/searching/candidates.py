"""Candidates on the wire become columns; one that cannot be sketched has no elements, so that it is evaluated."""

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.api.prediction.v1 import search_pb2
from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.prediction.intake.items import TEXT_FIELDS
from epitaxy.prediction.searching.sketch import UNKNOWN, Sketch, sketch_text
from epitaxy_models.errors import InvalidMaterialError
from epitaxy_models.search import CandidateColumns
from epitaxy_models.search.columns import offsets_of


def read_candidates(block: search_pb2.CandidateBlock) -> CandidateColumns:
    """The columns of a block. Raises InvalidRequestError for columns that contradict each other."""
    if block.HasField("columns"):
        return _read_columns(block.columns)
    return _joined([_read_structure(structure) for structure in block.structures.structures])


def _read_columns(columns: search_pb2.CandidateColumns) -> CandidateColumns:
    try:
        counts = np.frombuffer(columns.n_elements, dtype="<u4").astype(np.int64)
        n_sites = np.frombuffer(columns.n_sites, dtype="<u4").astype(np.float32)
        n = len(counts)
        return CandidateColumns(
            np.frombuffer(columns.atomic_numbers, dtype=np.uint8),
            np.frombuffer(columns.amounts, dtype="<f4"),
            offsets_of(counts),
            np.frombuffer(columns.volumes, dtype="<f8") if columns.volumes else np.full(n, np.nan),
            np.where(n_sites > 0, n_sites, np.float32(np.nan)) if columns.n_sites else np.full(n, np.nan, np.float32),
        )
    except (ValueError, InvalidMaterialError) as error:
        message = error.message if isinstance(error, InvalidMaterialError) else str(error)
        raise InvalidRequestError.of_field("candidates.columns", message) from error


def _read_structure(structure: StructureInput) -> CandidateColumns:
    kind = structure.WhichOneof("source")
    if kind == "packed":
        packed = structure.packed
        try:
            return CandidateColumns.of_packed(packed.n_sites, packed.lattices_angstrom, packed.atomic_numbers)
        except InvalidMaterialError:
            return _of_sketches([UNKNOWN] * (len(packed.n_sites) // 4))
    if kind in TEXT_FIELDS:
        return _of_sketches([sketch_text(getattr(structure, kind), TEXT_FIELDS[kind])])
    return _of_sketches([UNKNOWN])


def _of_sketches(sketches: Sequence[Sketch]) -> CandidateColumns:
    counts = [len(sketch.amounts) for sketch in sketches]
    return CandidateColumns(
        np.array(list(chain.from_iterable(sketch.amounts for sketch in sketches)), dtype=np.uint8),
        np.array(list(_amounts(sketches)), dtype=np.float32),
        offsets_of(counts),
        np.array([sketch.volume for sketch in sketches], dtype=np.float64),
        np.array([sketch.n_sites for sketch in sketches], dtype=np.float32),
    )


def _amounts(sketches: Sequence[Sketch]) -> Iterator[float]:
    return chain.from_iterable(sketch.amounts.values() for sketch in sketches)


def _joined(parts: Sequence[CandidateColumns]) -> CandidateColumns:
    if len(parts) == 1:
        return parts[0]
    counts = np.concatenate([np.zeros(0, dtype=np.int64), *(np.diff(part.offsets) for part in parts)])
    return CandidateColumns(
        np.concatenate([np.zeros(0, dtype=np.uint8), *(part.atomic_numbers for part in parts)]),
        np.concatenate([np.zeros(0, dtype=np.float32), *(part.amounts for part in parts)]),
        offsets_of(counts),
        np.concatenate([np.zeros(0), *(part.volumes for part in parts)]),
        np.concatenate([np.zeros(0, dtype=np.float32), *(part.n_sites for part in parts)]),
    )
