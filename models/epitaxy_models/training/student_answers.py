"""What students learn: an ensemble's own answers to crystals, computed once and kept in a folder."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from epitaxy_models.calibration.coverage import DEFAULT_COVERAGE
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.ensembles.embedder import EDGES_ON_CPUS, Embedder
from epitaxy_models.ensembles.readout import CalibratedReadout
from epitaxy_models.graphs.graph import CrystalGraph, build_graph
from epitaxy_models.search import ENDS, CandidateColumns
from epitaxy_models.structures import Structure, structure_from_column

_LOG = logging.getLogger(__name__)
_CHUNK = 2000
_MAX_SITES = 200
# Upper ends of the parts on a scale of 1000.
_PARTS = (("calibration", 70), ("held_out", 250), ("fit", 1000))


@dataclass(frozen=True, slots=True, eq=False)
class EnsembleAnswers:
    """Crystals and what the ensemble says of them.

    Attributes:
        columns: The crystals, as a search sees them.
        quantities: Property and end of each column of ``wanted``.
        wanted: Answers, float32 ``[n, n_quantities]``.
        are_in_domain: Verdicts, bool ``[n]``.
        formulas: Reduced formulas, ``[n]``.
        parts: ``fit``, ``calibration`` or ``held_out``, by formula, ``[n]``.
    """

    columns: CandidateColumns
    quantities: tuple[tuple[str, str], ...]
    wanted: NDArray[np.float32]
    are_in_domain: NDArray[np.bool_]
    formulas: NDArray[np.str_]
    parts: NDArray[np.str_]

    def rows(self, chosen: NDArray[np.bool_]) -> "EnsembleAnswers":
        """Some of the crystals."""
        return EnsembleAnswers(
            self.columns.rows(np.flatnonzero(chosen)),
            self.quantities,
            self.wanted[chosen],
            self.are_in_domain[chosen],
            self.formulas[chosen],
            self.parts[chosen],
        )


def student_part(formula: str) -> str:
    """Part to which every crystal of a reduced formula belongs; another hash than that of the ensemble's own parts."""
    bucket = int.from_bytes(blake2b(f"students:{formula}".encode(), digest_size=8).digest(), "little") % 1000
    return next(part for part, end in _PARTS if bucket < end)


def answers_of(data: Path, work: Path, artifact: ModelArtifact, size: int, seed: int = 0) -> EnsembleAnswers:
    """Answers to a random sample of a Parquet's ``structure`` column, or to all rows.

    Chunks are kept in ``work`` under the model's digest, so that a run that was stopped goes on.
    """
    texts = pd.read_parquet(data, columns=["structure"])["structure"]
    order = np.random.default_rng(seed).permutation(len(texts))[:size]
    folder = work / f"answers-{artifact.digest.removeprefix('sha256:')[:16]}-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    teacher = _Teacher(artifact)
    chunks = []
    for start in range(0, len(order), _CHUNK):
        path = folder / f"{start:07d}-{len(order[start : start + _CHUNK])}.npz"
        if not path.exists():
            structures = [structure_from_column(texts.iloc[row]) for row in order[start : start + _CHUNK]]
            _write(path, teacher(structures))
            _LOG.info("answers: %d of %d", start + len(structures), len(order))
        chunks.append(dict(np.load(path)))
    return _joined(chunks, artifact)


class _Teacher:
    """The ensemble, in this process."""

    def __init__(self, artifact: ModelArtifact) -> None:
        self._embedder, self._readout = Embedder(artifact), CalibratedReadout(artifact)

    def __call__(self, structures: Sequence[Structure]) -> dict[str, NDArray[np.generic]]:
        kept = [structure for structure in structures if structure.n_sites <= _MAX_SITES]
        embeddings = self._embed([build_graph(structure) for structure in kept])
        said = self._readout(embeddings, kept, DEFAULT_COVERAGE)
        return {
            "wanted": np.concatenate([said.values, said.lower, said.upper], axis=1).astype(np.float32),
            "are_in_domain": np.array([str(one.verdict) == "IN_DOMAIN" for one in said.domains]),
            "formulas": np.array([structure.reduced_formula for structure in kept]),
            "numbers": np.concatenate([structure.atomic_numbers for structure in kept]),
            "sizes": np.array([structure.n_sites for structure in kept], dtype="<u4"),
            "lattices": np.array([structure.lattice for structure in kept], dtype="<f8"),
        }

    def _embed(self, graphs: Sequence[CrystalGraph]) -> NDArray[np.float32]:
        order = np.argsort([graph.n_edges for graph in graphs])
        ends = np.cumsum([graphs[place].n_edges for place in order])
        said = [self._embedder([graphs[place] for place in batch]) for batch in np.split(order, _cuts(ends))]
        embeddings = np.concatenate(said)
        return np.asarray(embeddings[np.argsort(order)])


def _cuts(ends: NDArray[np.int64]) -> NDArray[np.intp]:
    """Where batches begin, so that each holds about as many edges as a forward pass should."""
    return np.unique(np.searchsorted(ends, np.arange(EDGES_ON_CPUS, int(ends[-1]), EDGES_ON_CPUS)))


def _write(path: Path, arrays: dict[str, NDArray[np.generic]]) -> None:
    part = path.with_name(f"{path.stem}.part.npz")
    np.savez(part, allow_pickle=False, **arrays)
    part.replace(path)


def _joined(chunks: list[dict[str, NDArray[np.generic]]], artifact: ModelArtifact) -> EnsembleAnswers:
    whole = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
    columns = CandidateColumns.of_packed(
        whole["sizes"].tobytes(), whole["lattices"].tobytes(), whole["numbers"].tobytes()
    )
    names = [entry.definition.name for entry in artifact.card.properties]
    formulas = whole["formulas"].astype(np.str_)
    parts = {formula: student_part(formula) for formula in set(formulas.tolist())}
    return EnsembleAnswers(
        columns=columns,
        quantities=tuple((name, end) for end in ENDS for name in names),
        wanted=whole["wanted"].astype(np.float32),
        are_in_domain=whole["are_in_domain"].astype(bool),
        formulas=formulas,
        parts=np.array([parts[formula] for formula in formulas.tolist()]),
    )
