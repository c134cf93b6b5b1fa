"""The stacked backbone against a textbook network, and its members against each other."""

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from epitaxy_models.backbones.config import N_ELEMENTS, BackboneConfig
from epitaxy_models.backbones.messages import algebraic_gate
from epitaxy_models.backbones.stacked import MessageLayer, StackedBackbone, radial_basis
from epitaxy_models.backbones.tensors import to_tensors
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.graphs.batch import CrystalGraphBatch, collate
from epitaxy_models.graphs.graph import build_full_graph, build_graph
from epitaxy_models.structures import Structure
from epitaxy_models.testing.specimens import lone_atom, rock_salt, specimens
from epitaxy_models.training.network import member_axis

TOLERANCE = 2e-5


def _backbone(config: BackboneConfig, seed: int = 3) -> StackedBackbone:
    """A network whose biases and gains have moved from their first values, as after training."""
    torch.manual_seed(seed)
    backbone = StackedBackbone(config)
    with torch.no_grad():
        for name, parameter in backbone.named_parameters():
            if name.endswith(("gain", "bias")):
                parameter.add_(0.3 * torch.randn_like(parameter))
    return backbone.eval()


def _member(backbone: StackedBackbone, member: int) -> dict[str, Tensor]:
    """Weights of one member as a stack of one."""
    state = backbone.state_dict()
    return {name: value.narrow(member_axis(name), member, 1).clone() for name, value in state.items()}


def _graphs(featurize: Callable[[Structure], object] = build_full_graph) -> CrystalGraphBatch:
    return collate([featurize(structure) for structure in specimens().values()])  # type: ignore[misc]  # either graph


def _textbook_network(backbone: StackedBackbone) -> Callable[[CrystalGraphBatch], Tensor]:
    """One member as torch-geometric users write it: ``W [h_i, h_j, e_ij]`` computed for every edge."""
    with warnings.catch_warnings():
        # torch-geometric still compiles with torch.jit when it is imported.
        warnings.simplefilter("ignore")
        from torch_geometric.nn import MessagePassing, global_max_pool, global_mean_pool

    class Convolution(MessagePassing):  # type: ignore[misc]  # untyped library
        def __init__(self, layer: MessageLayer) -> None:
            super().__init__(aggr="add", flow="source_to_target")
            maps = torch.cat([layer.to_centre[0], layer.to_neighbour[0], layer.to_filter[0]])
            self.edge = nn.Linear(*maps.shape)
            self.edge.weight.data, self.edge.bias.data = maps.T, layer.message_bias[0, 0]

        def forward(self, x: Tensor, edge_index: Tensor, features: Tensor, cutoff: Tensor) -> Tensor:
            summed: Tensor = self.propagate(edge_index, x=x, features=features, cutoff=cutoff)
            return summed

        def message(self, x_i: Tensor, x_j: Tensor, features: Tensor, cutoff: Tensor) -> Tensor:
            gate, core = self.edge(torch.cat([x_i, x_j, features], dim=-1)).chunk(2, dim=-1)
            messages: Tensor = cutoff[:, None] * algebraic_gate(gate) * core * algebraic_gate(core)
            return messages

    def normed(x: Tensor, gain: Tensor) -> Tensor:
        size: Tensor = torch.sqrt((x**2).mean(dim=-1, keepdim=True) + 1e-6)
        return x / size * gain

    def run(batch: CrystalGraphBatch) -> Tensor:
        config = backbone.config
        nodes_of = torch.from_numpy(np.repeat(np.arange(batch.n_graphs), np.diff(batch.cell_offsets)))
        cutoff = torch.from_numpy(batch.weights)
        features = torch.from_numpy(_interpolated_basis(config, batch.distances))
        states = backbone.species[0][torch.from_numpy(batch.atomic_numbers.astype(np.int64))]
        blocks = []
        for layer, gain in zip(backbone.layers, backbone.readout_gain, strict=True):
            assert isinstance(layer, MessageLayer)
            x = normed(states, layer.message_gain[0, 0])
            messages = Convolution(layer)(x, torch.from_numpy(batch.edge_index), features, cutoff)
            states = states + 0.2 * messages @ layer.message_out[0]
            x = normed(states, layer.update_gain[0, 0])
            states = states + nn.functional.silu(x @ layer.update_in[0] + layer.update_bias[0, 0]) @ layer.update_out[0]
            blocks.append(global_mean_pool(normed(states, gain[0, 0]), nodes_of))
        blocks.append(global_max_pool(normed(states, gain[0, 0]), nodes_of))
        return torch.cat(blocks, dim=-1)

    return run


def _interpolated_basis(config: BackboneConfig, distances: np.ndarray) -> np.ndarray:
    grid = np.linspace(0, config.radius_max, config.n_grid)
    table = radial_basis(config).numpy()
    columns = [np.interp(distances, grid, table[:, channel]) for channel in range(config.n_radial)]
    return np.stack(columns, axis=-1).astype(np.float32)


@torch.no_grad()
def test_one_member_equals_a_textbook_network_on_full_graphs() -> None:
    backbone = _backbone(BackboneConfig(n_members=1, width=16, n_layers=3))
    batch = _graphs()
    found = backbone(to_tensors(batch, backbone.config))[0]
    torch.testing.assert_close(found, _textbook_network(backbone)(batch), atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_stacked_members_equal_each_member_alone() -> None:
    config = BackboneConfig(n_members=3, width=16, n_layers=2)
    backbone, alone = _backbone(config), StackedBackbone(BackboneConfig(n_members=1, width=16, n_layers=2))
    graph = to_tensors(_graphs(build_graph), config)
    together = backbone(graph)
    for member in range(config.n_members):
        alone.load_state_dict(_member(backbone, member))
        torch.testing.assert_close(together[member], alone(graph)[0], atol=TOLERANCE, rtol=0)
    assert (together[0] - together[1]).abs().max() > 0.1


def test_loss_of_one_member_reaches_no_other() -> None:
    backbone = _backbone(BackboneConfig(n_members=3, width=8, n_layers=2))
    embeddings = backbone(to_tensors(_graphs(build_graph), backbone.config))
    embeddings[1].square().sum().backward()
    for name, parameter in backbone.named_parameters():
        gradient = parameter.grad
        assert gradient is not None
        axis = member_axis(name)
        assert gradient.select(axis, 1).abs().sum() > 0, name
        assert gradient.select(axis, 0).abs().sum() == gradient.select(axis, 2).abs().sum() == 0, name


@torch.no_grad()
def test_nodes_count_as_often_as_their_multiplicity() -> None:
    backbone = _backbone(BackboneConfig(n_members=2, width=8, n_layers=2))
    found = [backbone(to_tensors(_graphs(f), backbone.config)) for f in (build_graph, build_full_graph)]
    torch.testing.assert_close(found[0], found[1], atol=TOLERANCE, rtol=0)


def test_tensors_hold_shares_and_grid_positions() -> None:
    config = BackboneConfig(n_members=1, width=4, n_grid=81)
    graph = to_tensors(_graphs(build_graph), config)
    assert graph.n_graphs == len(specimens())
    shares = torch.zeros(graph.n_graphs).index_add(0, graph.graph_of_node, graph.fractions)
    torch.testing.assert_close(shares, torch.ones(graph.n_graphs))
    torch.testing.assert_close(graph.composition.sum(dim=1), torch.ones(graph.n_graphs))
    salt = to_tensors(collate([build_graph(rock_salt())]), config)
    assert salt.composition.shape == (1, N_ELEMENTS)
    assert salt.composition[0, [11, 17]].tolist() == [0.5, 0.5]
    assert salt.positions.min().item() == pytest.approx(28.2, abs=1e-4)  # 2.820 Angstrom at a tenth a step


def test_longest_edge_stays_below_the_last_grid_point() -> None:
    config = BackboneConfig(n_members=1, width=4)
    chain = Structure(np.diag([7.9999, 30.0, 30.0]), np.array([55], np.uint8), np.zeros((1, 3)))
    graph = to_tensors(collate([build_graph(chain)]), config)
    assert len(graph.positions) > 0
    assert int(graph.positions.max()) + 1 < config.n_grid
    assert torch.isfinite(StackedBackbone(config)(graph)).all()


@torch.no_grad()
def test_atom_without_neighbours_has_an_embedding() -> None:
    backbone = _backbone(BackboneConfig(n_members=2, width=8, n_layers=2))
    embeddings = backbone(to_tensors(collate([build_graph(lone_atom())]), backbone.config))
    assert torch.isfinite(embeddings).all()
    assert embeddings.abs().max() > 0


def test_radial_functions_cover_every_distance() -> None:
    basis = radial_basis(BackboneConfig())
    assert basis.shape == (256, 32)
    bonds = basis[int(0.7 / 8 * 255) :]
    assert (bonds.max(dim=1).values > 0.8).all()


@pytest.mark.parametrize("change", [{"n_members": 0}, {"width": 0}, {"n_layers": 0}, {"n_grid": 1}, {"radius_max": 0}])
def test_impossible_sizes_are_refused(change: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="sizes must be positive"):
        BackboneConfig(**change)
