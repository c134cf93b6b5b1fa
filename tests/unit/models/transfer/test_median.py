from collections.abc import Callable

import numpy as np

from epitaxy_models.transfer.inputs import TransferInputs
from epitaxy_models.transfer.strategies import PoolMedian


def test_every_row_gets_the_median_and_the_spread(make_inputs: Callable[..., TransferInputs]) -> None:
    inputs = make_inputs(descriptors=np.zeros((4, 1)))
    prediction = PoolMedian().fit(inputs, np.array([1.0, 2.0, 3.0, 10.0]), seed=0).predict(inputs)
    np.testing.assert_array_equal(prediction.values, np.full(4, 2.5))
    np.testing.assert_allclose(prediction.stds, np.full(4, np.sqrt(np.mean([2.25, 0.25, 0.25, 56.25]))))


def test_equal_labels_have_a_positive_spread(make_inputs: Callable[..., TransferInputs]) -> None:
    inputs = make_inputs(descriptors=np.zeros((3, 1)))
    assert PoolMedian().fit(inputs, np.full(3, 7.0), seed=0).predict(inputs).stds.min() > 0
