"""One model in this process; embeddings are computed once and kept in a work folder."""

from collections import Counter
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.ensembles.readout import CalibratedReadout, EnsemblePrediction, numbers_of_elements
from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.structures import Structure

_BATCH = 64


class Oracle:
    """Embeds, predicts, judges."""

    def __init__(self, work: Path, model: Path | None = None) -> None:
        """Of the model in a folder, by default the shipped one."""
        self.artifact = load_artifact(model or shipped_model())
        self._folder = work / "embeddings"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._embedder, self._readout = Embedder(self.artifact), CalibratedReadout(self.artifact)

    def embed(self, name: str, structures: list[Structure]) -> NDArray[np.float32]:
        """``[n, n_members, embedding_width]``, from the folder where these structures were embedded before."""
        kept = self._folder / f"{name.replace(' ', '-')}-{self._content(structures)}.npy"
        if not kept.exists():
            print(f"embedding {len(structures)} structures: {name}", flush=True)
            graphs = [build_graph(structure, self.artifact.card.rule) for structure in structures]
            starts = range(0, len(graphs), _BATCH)
            found = np.concatenate([self._embedder(graphs[start : start + _BATCH]) for start in starts])
            part = kept.with_suffix(".part.npy")
            np.save(part, found)
            part.replace(kept)
        return np.asarray(np.load(kept))

    def predict(
        self, embeddings: NDArray[np.float32], structures: list[Structure], coverage: float
    ) -> EnsemblePrediction:
        return self._readout(embeddings, structures, coverage)

    def cells(self, prediction: EnsemblePrediction, structures: list[Structure]) -> NDArray[np.int64]:
        """Groups of predicted structures, ``[n]``; those of models that know no groups as well."""
        scores = np.array([domain.score for domain in prediction.domains])
        return self._readout.cells(prediction.values, scores, numbers_of_elements(structures))

    def scores(self, name: str, structures: list[Structure]) -> tuple[NDArray[np.float64], dict[str, float]]:
        """Domain scores, and shares of the verdicts."""
        domains = self._readout.domains(self.embed(name, structures), structures)
        counts = Counter(domain.verdict.value for domain in domains)
        shares = {verdict: round(count / len(domains), 3) for verdict, count in sorted(counts.items())}
        return np.array([domain.score for domain in domains]), shares

    def _content(self, structures: list[Structure]) -> str:
        digest = blake2b(self.artifact.weights_digest.encode(), digest_size=8)
        for structure in structures:
            for part in (structure.lattice, structure.atomic_numbers, structure.frac_coords):
                digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()
