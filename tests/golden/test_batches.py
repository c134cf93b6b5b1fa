"""What the shipped model answers does not depend on what it is asked beside."""

import numpy as np
import pytest
from numpy.typing import NDArray

from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.ensembles.readout import CalibratedReadout, EnsemblePrediction
from epitaxy_models.graphs.graph import build_graph

# Of energies of some eV in float32; of shares.
ROUNDING, SHARE_ROUNDING = 1e-5, 1e-4


@pytest.fixture(scope="module")
def predictions() -> tuple[EnsemblePrediction, EnsemblePrediction]:
    """557 bundled crystals in their order by 128, and in another by 37."""
    artifact = load_artifact(shipped_model())
    embedder, structures = Embedder(artifact), [crystal.structure for crystal in bundled_crystals()]
    graphs = [build_graph(structure, artifact.card.rule) for structure in structures]

    def predicted(order: NDArray[np.int64], size: int) -> EnsemblePrediction:
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        embeddings = np.concatenate([embedder([graphs[row] for row in batch]) for batch in batches])
        return CalibratedReadout(artifact)(embeddings[np.argsort(order)], structures, 0.9)

    n = len(graphs)
    return predicted(np.arange(n), 128), predicted(np.random.default_rng(0).permutation(n), 37)


@pytest.mark.parametrize("name", ["values", "stds", "epistemic_std", "aleatoric_std", "lower", "upper"])
def test_numbers_do_not_depend_on_the_batch(
    predictions: tuple[EnsemblePrediction, EnsemblePrediction], name: str
) -> None:
    first, second = (getattr(prediction, name) for prediction in predictions)
    np.testing.assert_allclose(first, second, rtol=ROUNDING, atol=ROUNDING)


def test_domain_scores_and_verdicts_do_not_depend_on_the_batch(
    predictions: tuple[EnsemblePrediction, EnsemblePrediction],
) -> None:
    first, second = (prediction.domains for prediction in predictions)
    assert [d.score for d in first] == pytest.approx([d.score for d in second], abs=SHARE_ROUNDING)
    assert [d.verdict for d in first] == [d.verdict for d in second]
