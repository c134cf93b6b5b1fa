"""Domains of models that were never trained, for tests that need any."""

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.domain import DomainEvidence, DomainModel


def random_evidence(n: int, embedding_width: int, n_properties: int, seed: int, shift: float = 0.0) -> DomainEvidence:
    """Evidence on ``n`` structures that do not exist; ``shift`` moves it away in units of its spread."""
    random = np.random.default_rng(seed)
    return DomainEvidence(
        random.normal(shift, 1, size=(n, embedding_width)).astype(np.float32),
        random.lognormal(shift, 1, size=(n, 2 * n_properties)),
        random.normal((0.0, 1.0, 1.0), 0.1, size=(n, 3)) + 0.1 * shift,
    )


def random_domain(embedding_width: int, n_properties: int, element_counts: NDArray[np.int64]) -> DomainModel:
    """A domain fitted on random evidence, the same each time."""
    training, perturbed, held_out = (
        random_evidence(n, embedding_width, n_properties, seed, shift)
        for n, seed, shift in ((200, 0, 0.0), (200, 1, 1.0), (100, 2, 0.0))
    )
    return DomainModel.fit(training, perturbed, held_out, element_counts)
