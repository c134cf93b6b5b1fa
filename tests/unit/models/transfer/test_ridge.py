from collections.abc import Callable

import numpy as np
import pytest

from epitaxy_models.transfer.inputs import TransferInputs
from epitaxy_models.transfer.strategies.ridge import EmbeddingRidge

MakeInputs = Callable[..., TransferInputs]


def test_a_linear_function_of_the_embedding_is_found(make_inputs: MakeInputs) -> None:
    random = np.random.default_rng(0)
    block = random.normal(3, 2, size=(200, 40))
    labels = 7 + block @ random.normal(size=40)
    inputs = make_inputs(embedding=block)
    fitted = EmbeddingRidge().fit(inputs.take(np.arange(100)), labels[:100], seed=0)
    np.testing.assert_allclose(fitted.predict(inputs).values, labels, atol=0.05 * labels.std())


@pytest.mark.parametrize("n", [30, 300])
def test_noise_alone_is_shrunk_towards_the_mean(make_inputs: MakeInputs, n: int) -> None:
    random = np.random.default_rng(1)
    inputs = make_inputs(embedding=random.normal(size=(n + 100, 50)))
    labels = random.normal(4, 1, size=n + 100)
    fitted = EmbeddingRidge().fit(inputs.take(np.arange(n)), labels[:n], seed=0)
    prediction = fitted.predict(inputs.take(np.arange(n, n + 100)))
    assert prediction.values.std() < 0.4
    assert prediction.stds.mean() == pytest.approx(1.0, abs=0.3)


def test_expected_errors_grow_away_from_the_training_rows(make_inputs: MakeInputs) -> None:
    random = np.random.default_rng(2)
    block = random.normal(size=(60, 10))
    fitted = EmbeddingRidge().fit(make_inputs(embedding=block), block[:, 0] + random.normal(size=60), seed=0)
    near, far = fitted.predict(make_inputs(embedding=np.stack([block.mean(axis=0), block.mean(axis=0) + 4]))).stds
    assert far > 1.2 * near
