"""The fused kernel of edge messages against plain tensor operations, forward and backward."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from epitaxy_models.backbones.messages import algebraic_gate, edge_messages, reference_messages

# Float32 sums of some tens of terms of unit size.
ABSOLUTE, RELATIVE = 2e-5, 2e-4


def _inputs(
    seed: int, n_members: int, degrees: list[int], width: int, n_grid: int, dtype: torch.dtype = torch.float32
) -> tuple[list[Tensor], list[Tensor]]:
    """Differentiable inputs (centre, neighbour, table) and the graph (rows, sources, positions, weights)."""
    generator = torch.Generator().manual_seed(seed)
    n_nodes, n_edges = len(degrees), sum(degrees)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=dtype).requires_grad_()

    slopes = [normal(n_members, n_nodes, 2 * width) for _ in range(2)] + [normal(n_members, n_grid, 2 * width)]
    rows = torch.tensor([0, *torch.tensor(degrees).cumsum(0).tolist()], dtype=torch.int32)
    sources = torch.randint(0, n_nodes, (n_edges,), generator=generator, dtype=torch.int32)
    positions = torch.rand(n_edges, generator=generator, dtype=dtype) * (n_grid - 1.001)
    weights = torch.rand(n_edges, generator=generator, dtype=dtype) * 3
    return slopes, [rows, sources, positions, weights]


def _forward_and_gradients(function: object, slopes: list[Tensor], graph: list[Tensor]) -> list[Tensor]:
    result = function(*slopes, *graph)  # type: ignore[operator]  # either implementation
    seed = torch.cos(torch.arange(result.numel(), dtype=torch.float64)).view(result.shape).to(result.dtype)
    return [result.detach(), *torch.autograd.grad(result, slopes, seed)]


def _double(tensors: list[Tensor]) -> list[Tensor]:
    return [t.detach().double().requires_grad_(t.requires_grad) if t.is_floating_point() else t for t in tensors]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    n_members=st.integers(1, 4),
    degrees=st.lists(st.integers(0, 9), min_size=1, max_size=7),
    width=st.integers(1, 19),
    n_grid=st.integers(2, 12),
)
def test_fused_kernel_equals_plain_operations_in_double_precision(
    seed: int, n_members: int, degrees: list[int], width: int, n_grid: int
) -> None:
    slopes, graph = _inputs(seed, n_members, degrees, width, n_grid)
    fused = _forward_and_gradients(edge_messages, slopes, graph)
    exact = _forward_and_gradients(reference_messages, _double(slopes), _double(graph))
    for name, found, expected in zip(("messages", "centre", "neighbour", "table"), fused, exact, strict=True):
        assert torch.allclose(found.double(), expected, atol=ABSOLUTE, rtol=RELATIVE), name


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    n_members=st.integers(1, 4),
    degrees=st.lists(st.integers(0, 9), min_size=1, max_size=7),
    width=st.integers(1, 19),
)
def test_gradients_of_weights_by_member_equal_plain_operations_in_double_precision(
    seed: int, n_members: int, degrees: list[int], width: int
) -> None:
    (centre, neighbour, table), graph = _inputs(seed, n_members, degrees, width, 7)
    scales = torch.rand(n_members, 1, generator=torch.Generator().manual_seed(seed))
    weights = (graph[3] * scales).requires_grad_()

    def gradients(function: object, *inputs: Tensor) -> list[Tensor]:
        centre, neighbour, table, rows, sources, positions, weights = inputs
        # The kernel has no gradient of the filter for weights a member.
        slopes = [centre, neighbour, weights]
        result = function(centre, neighbour, table.detach(), rows, sources, positions, weights)  # type: ignore[operator]
        seed = torch.cos(torch.arange(result.numel(), dtype=torch.float64)).view(result.shape).to(result.dtype)
        return [result.detach(), *torch.autograd.grad(result, slopes, seed, materialize_grads=True)]

    inputs = [centre, neighbour, table, *graph[:3], weights]
    fused, exact = gradients(edge_messages, *inputs), gradients(reference_messages, *_double(inputs))
    for name, found, expected in zip(("messages", "centre", "neighbour", "weights"), fused, exact, strict=True):
        assert torch.allclose(found.double(), expected, atol=ABSOLUTE, rtol=RELATIVE), name


def test_plain_operations_pass_gradcheck() -> None:
    slopes, graph = _inputs(0, 2, [3, 0, 2, 4], 3, 5, torch.float64)
    # A gate has a kink of its second derivative at zero only: first differences are exact enough.
    assert torch.autograd.gradcheck(lambda *inputs: reference_messages(*inputs, *graph), slopes, atol=1e-6)


def test_other_precisions_take_the_plain_path() -> None:
    slopes, graph = _inputs(1, 2, [2, 3], 4, 5, torch.float64)
    assert edge_messages(*slopes, *graph).dtype == torch.float64


def test_node_without_edges_receives_nothing_and_gets_no_gradient() -> None:
    slopes, graph = _inputs(2, 3, [4, 0, 5], 6, 8)
    graph[1] = graph[1] % 1  # every edge comes from node 0
    messages, centre, neighbour, _ = _forward_and_gradients(edge_messages, slopes, graph)
    assert not messages[:, 1].any()
    assert not centre[:, 1].any()
    assert not neighbour[:, 1:].any()
    assert messages[:, 0].any()


def test_graph_without_edges_receives_nothing() -> None:
    slopes, graph = _inputs(3, 2, [0, 0], 4, 5)
    for tensor in _forward_and_gradients(edge_messages, slopes, graph):
        assert not tensor.any()


def test_gradient_of_a_broadcast_sum_is_right() -> None:
    """``sum()`` hands the kernel an expanded gradient whose strides are zero."""
    slopes, graph = _inputs(4, 2, [3, 2, 0], 5, 6)
    fused = torch.autograd.grad(edge_messages(*slopes, *graph).sum(), slopes)
    exact = torch.autograd.grad(reference_messages(*slopes, *graph).sum(), slopes)
    for found, expected in zip(fused, exact, strict=True):
        torch.testing.assert_close(found, expected, atol=ABSOLUTE, rtol=RELATIVE)


def test_strided_inputs_are_read_as_they_are() -> None:
    slopes, graph = _inputs(5, 2, [3, 2, 4], 4, 6)
    strided = [value.detach().transpose(0, 1).contiguous().transpose(0, 1).requires_grad_() for value in slopes]
    assert not strided[0].is_contiguous()
    for found, expected in zip(
        _forward_and_gradients(edge_messages, strided, graph),
        _forward_and_gradients(edge_messages, slopes, graph),
        strict=True,
    ):
        torch.testing.assert_close(found, expected, atol=0, rtol=0)


def test_gate_has_the_shape_of_a_logistic_function() -> None:
    x = torch.linspace(-50, 50, 1001)
    gate = algebraic_gate(x)
    assert ((gate > 0) & (gate < 1)).all()
    assert (gate.diff() > 0).all()
    torch.testing.assert_close(gate + gate.flip(0), torch.ones_like(gate))
    assert algebraic_gate(torch.tensor(1.0)).item() == pytest.approx(0.75)
