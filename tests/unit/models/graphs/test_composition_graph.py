"""Graphs of compositions."""

from dataclasses import asdict

import numpy as np
import pytest
import torch

from epitaxy_models.backbones.fused import FusedBackbone
from epitaxy_models.backbones.shapes import shape_for
from epitaxy_models.backbones.stacked import StackedBackbone
from epitaxy_models.graphs.batch import collate
from epitaxy_models.graphs.composition_graph import build_composition_graph
from epitaxy_models.graphs.graph import DEFAULT_RULE, CrystalGraph
from epitaxy_models.graphs.rules import CompositionRule, MoleculeRule, rule_from_json
from epitaxy_models.graphs.texts import graph_of_text


@pytest.fixture(scope="module")
def embed() -> FusedBackbone:
    torch.manual_seed(5)
    shape = shape_for(CompositionRule(), n_members=1, width=16, n_layers=2)
    return FusedBackbone(shape, {name: value.numpy() for name, value in StackedBackbone(shape).state_dict().items()})


def _graph(text: str) -> CrystalGraph:
    return graph_of_text(text, CompositionRule())


def test_order_and_scale_do_not_matter(embed: FusedBackbone) -> None:
    found = embed(collate([_graph("Al0.25 Co1 Fe1 Ni1"), _graph("Ni4Fe4Co4Al"), _graph("Fe0.5Co0.5Ni0.5Al0.125")]))
    np.testing.assert_array_equal(found, np.broadcast_to(found[:1], found.shape))


def test_shares_matter(embed: FusedBackbone) -> None:
    plain, rich, pure = embed(collate([_graph("Fe99C1"), _graph("Fe90C10"), _graph("Fe")]))
    assert 0 < np.abs(plain - pure).mean() < np.abs(rich - pure).mean()


def test_a_trace_is_a_node_of_its_own() -> None:
    graph = build_composition_graph({26: 1.0, 6: 1e-9}, "key")
    assert graph.atomic_numbers.tolist() == [6, 26]
    assert graph.multiplicities.tolist() == [1, 1_000_000]


@pytest.mark.parametrize("rule", [DEFAULT_RULE, MoleculeRule(200), CompositionRule()])
def test_a_rule_is_read_back_from_a_card(rule: object) -> None:
    assert rule_from_json(asdict(rule)) == rule  # type: ignore[call-overload]  # a dataclass
