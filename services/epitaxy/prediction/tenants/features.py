"""Inputs of tenants' models: from the substrate's cached embeddings, and descriptors that are kept too."""

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from epitaxy.chassis.errors import FailedPreconditionError
from epitaxy.prediction.cache.lru import LruCache
from epitaxy.prediction.domain import Accepted, Refusal
from epitaxy.prediction.intake.reader import failure
from epitaxy.prediction.ports import Embedding
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.errors import ConfigurationError, EpitaxyError
from epitaxy_models.graphs.graph import CrystalGraph, build_graph
from epitaxy_models.transfer.features import SubstrateFeatures, low_fidelity_block
from epitaxy_models.transfer.inputs import EMBEDDING, LOW_FIDELITY_PREFIX, PEER_PREFIX, TransferInputs
from epitaxy_models.transfer.peers import peer_blocks

_LOG = logging.getLogger(__name__)
_CACHE_BYTES = 64 * 2**20
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class DescribedRow:
    """What is computed of one structure: its graph, and its row of every block but the embedding, which has a cache."""

    graph: CrystalGraph
    blocks: Mapping[str, Array]

    @property
    def n_bytes(self) -> int:
        """Size of its arrays, and of what Python keeps around them."""
        of_edges = self.graph.distances.nbytes + self.graph.sources.nbytes + self.graph.weights.nbytes
        return sum(block.nbytes for block in self.blocks.values()) + of_edges + 1000


class TenantFeatures:
    """Describes structures one by one; a structure that was seen a moment ago, by whichever tenant, costs nothing.

    Safe for threads.
    """

    def __init__(self, artifact: ModelArtifact, capacity_bytes: int = _CACHE_BYTES) -> None:
        self._rule, self._features = artifact.card.crystal_rule, SubstrateFeatures(artifact)
        self._rows: LruCache[DescribedRow] = LruCache(capacity_bytes, lambda row: row.n_bytes)
        self._lock = threading.Lock()

    def describe(
        self, accepted: Sequence[Accepted], embeddings: Embedding, peers: Sequence[str] = ()
    ) -> "list[DescribedRow | Refusal]":
        """The row of each structure with embeddings ``[n_rows, n_members, embedding_width]``, or why there is none.

        Raises FailedPreconditionError if this server lacks a peer.
        """
        rows = self._own(accepted, embeddings)
        return [
            self._with_peers(row, entry, peers) if isinstance(row, DescribedRow) else row
            for row, entry in zip(rows, accepted, strict=True)
        ]

    def _with_peers(self, row: DescribedRow, accepted: Accepted, peers: Sequence[str]) -> "DescribedRow | Refusal":
        """A row with the features of other networks, which take tens of milliseconds each and are kept with the row."""
        missing = [peer for peer in peers if f"{PEER_PREFIX}{peer}" not in row.blocks]
        if not missing:
            return row
        try:
            found = peer_blocks(missing, [accepted.structure])
        except ConfigurationError as error:
            message = f"the model reads features of {', '.join(peers)}, which this server lacks: {error.message}"
            raise FailedPreconditionError(message, reason="PEER_NOT_SERVED") from error
        except EpitaxyError as error:
            return failure(error)
        complete = replace(row, blocks={**row.blocks, **{name: block[0] for name, block in found.items()}})
        self._keep({accepted.digest: complete})
        return complete

    def _own(self, accepted: Sequence[Accepted], embeddings: Embedding) -> "list[DescribedRow | Refusal]":
        with self._lock:
            found: dict[bytes, DescribedRow | Refusal | None] = {
                entry.digest: self._rows.get(entry.digest) for entry in accepted
            }
        missing = {entry.digest: row for row, entry in enumerate(accepted) if found[entry.digest] is None}
        rows = list(missing.values())
        found.update(zip(missing, self._compute_all([accepted[row] for row in rows], embeddings[rows]), strict=True))
        self._keep({digest: found[digest] for digest in missing})
        return [result for entry in accepted if (result := found[entry.digest]) is not None]

    def _keep(self, computed: "Mapping[bytes, DescribedRow | Refusal | None]") -> None:
        with self._lock:
            for digest, row in computed.items():
                if isinstance(row, DescribedRow):
                    self._rows.put(digest, row)

    def _compute_all(self, accepted: Sequence[Accepted], embeddings: Embedding) -> "list[DescribedRow | Refusal]":
        """Together, which takes two thirds of the time; one by one if any of them fails, so that it fails alone."""
        if len(accepted) > 1:
            try:
                graphs = [build_graph(entry.structure, self._rule) for entry in accepted]
                inputs = self._features.inputs_from([entry.structure for entry in accepted], graphs, embeddings)
            except Exception:
                _LOG.debug("a structure among %d has no features", len(accepted), exc_info=True)
            else:
                blocks = {name: block for name, block in inputs.blocks.items() if name != EMBEDDING}
                # Copies: a view would keep the whole block in memory.
                rows = range(len(accepted))
                return [
                    DescribedRow(graphs[row], {name: block[row].copy() for name, block in blocks.items()})
                    for row in rows
                ]
        return [self._compute(entry, own) for entry, own in zip(accepted, embeddings, strict=True)]

    def _compute(self, accepted: Accepted, embedding: Embedding) -> "DescribedRow | Refusal":
        try:
            graph = build_graph(accepted.structure, self._rule)
            inputs = self._features.inputs_from([accepted.structure], [graph], embedding[None])
        except Exception as error:
            return failure(error)
        return DescribedRow(graph, {name: block[0] for name, block in inputs.blocks.items() if name != EMBEDDING})


def joined(
    accepted: Sequence[Accepted],
    rows: Sequence[DescribedRow],
    embeddings: Embedding,
    known: Mapping[str, Array],
) -> TransferInputs:
    """Inputs of these rows; ``known`` holds values of lower fidelity, ``[n_rows]`` by column, NaN where unknown."""
    # One row may hold a peer's features from another model's question.
    names = set.intersection(*(set(row.blocks) for row in rows))
    blocks = {name: np.stack([row.blocks[name] for row in rows]) for name in sorted(names)}
    blocks[EMBEDDING] = embeddings.reshape(len(rows), -1).astype(np.float64)
    for name, values in known.items():
        blocks[f"{LOW_FIDELITY_PREFIX}{name}"] = low_fidelity_block(name, values, len(rows))
    return TransferInputs(tuple(entry.structure for entry in accepted), tuple(row.graph for row in rows), blocks)
