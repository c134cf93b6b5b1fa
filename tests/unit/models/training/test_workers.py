"""Shares of a global batch, and a backbone in half precision."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from epitaxy_models.backbones.tensors import to_tensors
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.graphs.batch import select
from epitaxy_models.training.config import TrainingConfig
from epitaxy_models.training.dataset import LabelledGraphs
from epitaxy_models.training.loop import check_enough
from epitaxy_models.training.network import fit_targets, new_network
from epitaxy_models.training.report import epochs_without_gain
from epitaxy_models.training.workers import Workers


def test_shares_are_disjoint_complete_and_differ_by_one_at_most() -> None:
    rows = np.arange(64) * 3
    shares = [Workers(rank, 3).share(rows) for rank in range(3)]
    assert sorted(np.concatenate(shares).tolist()) == rows.tolist()
    assert {len(share) for share in shares} == {21, 22}


def test_rank_beyond_the_count_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="rank 2 of 2 workers does not exist"):
        Workers(2, 2)


@pytest.mark.parametrize(("scores", "stalled"), [([], 0), ([3.0, 2.0], 0), ([2.0, 3.0, 2.5], 2), ([1.0, 1.0], 1)])
def test_epochs_without_gain_count_from_the_first_best(scores: list[float], stalled: int) -> None:
    assert epochs_without_gain(scores) == stalled


def test_half_precision_keeps_the_heads_in_float32(data: LabelledGraphs, config: TrainingConfig) -> None:
    network = new_network(config)
    fit_targets(network, data, config)
    graph = to_tensors(select(data.graphs, np.arange(16)), config.backbone)
    with torch.no_grad():
        exact, _ = network(graph)
        network.half_precision = True
        rounded, _ = network(graph)
    assert rounded.dtype == torch.float32
    differences = (rounded - exact).abs() / network.heads.spreads
    # bfloat16 has eight bits; element references in it would err by several spreads' hundredths.
    assert 0 < float(differences.max()) < 0.05


def test_column_that_teaches_nothing_is_refused(data: LabelledGraphs, config: TrainingConfig) -> None:
    labels = data.labels.copy()
    labels[:, 2] = 1.0
    with pytest.raises(ConfigurationError, match=r"teacher has .* training labels and no two differ") as raised:
        check_enough(replace(data, labels=labels), config)
    assert raised.value.reason == "LABEL_TEACHES_NOTHING"
