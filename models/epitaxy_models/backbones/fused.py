"""The stacked backbone for inference on CPUs: one compiled call a batch, nothing stored that is not needed again.

The same network as ``StackedBackbone``, to rounding. What makes it faster than the sum of its tensor operations: gains
and scales are folded into the matrices that follow them, the first layer's node terms are looked up by species, both
node terms come from one matrix product, nodes are taken through a layer in blocks that stay in the processor's cache,
and nodes that a layer cannot tell apart are taken through it once. It imports no torch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.backbones.config import MESSAGE_SCALE, NORM_EPSILON, BackboneConfig, EdgeFilter
from epitaxy_models.compiled import compiled
from epitaxy_models.errors import CheckpointError
from epitaxy_models.graphs.batch import CrystalGraphBatch, collate
from epitaxy_models.graphs.depth_classes import alike_nodes, every_node
from epitaxy_models.graphs.rock_salt import featurize_rock_salt

Float = NDArray[np.float32]
Index = NDArray[np.int32]

# Of the substrate of crystals.
_SHIPPED_WIDTH = 96
# Nodes that go through a layer together: their terms fill about half of a second-level cache.
_BLOCK = 192


@dataclass(frozen=True, slots=True, eq=False)
class FusedWeights:
    """Weights of all members and layers, ``[n_members, n_layers, ...]``, ready for the products that they enter.

    Attributes:
        species: First node states, ``[n_members, n_elements, width]``.
        species_terms: Node terms of the first layer, ``[n_members, n_elements, 4 * width]``.
        terms: From normed states to centre and neighbour terms side by side, ``[.., width, 4 * width]``.
        filters: Filter of the distance on the grid and the messages' bias, ``[.., n_grid, 2 * width]``.
        message_out: ``[.., width, width]``.
        update_in: ``[.., width, 2 * width]``.
        update_bias: ``[.., 2 * width]``.
        update_out: ``[.., 2 * width, width]``.
        readout_gain: ``[.., width]``.
    """

    species: Float
    species_terms: Float
    terms: Float
    filters: Float
    message_out: Float
    update_in: Float
    update_bias: Float
    update_out: Float
    readout_gain: Float

    @classmethod
    def of(cls, config: BackboneConfig, state: Mapping[str, NDArray[Any]]) -> "FusedWeights":
        """From a ``StackedBackbone``'s state by name. Raises CheckpointError where it is of another shape."""
        expected = state_shapes(config)
        found = {name: value.shape for name, value in state.items()}
        if found != expected:
            wrong = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
            raise CheckpointError(f"weights do not fit the card: {', '.join(wrong[:5])}", reason="INVALID_WEIGHTS")
        message_gain, update_gain = _layers(state, "message_gain"), _layers(state, "update_gain")
        both = np.concatenate([_layers(state, "to_centre"), _layers(state, "to_neighbour")], axis=-1)
        terms = message_gain.swapaxes(-1, -2) * both
        species = np.asarray(state["species"], dtype=np.float64)
        normed = species / np.sqrt(np.square(species).mean(axis=-1, keepdims=True) + NORM_EPSILON)
        parts = (
            species,
            normed @ terms[:, 0],
            terms,
            radial_basis(config) @ _layers(state, "to_filter") + _layers(state, "message_bias"),
            MESSAGE_SCALE * _layers(state, "message_out"),
            update_gain.swapaxes(-1, -2) * _layers(state, "update_in"),
            _layers(state, "update_bias")[..., 0, :],
            _layers(state, "update_out"),
            np.asarray(state["readout_gain"], dtype=np.float64)[:, :, 0].swapaxes(0, 1),
        )
        return cls(*(np.ascontiguousarray(part, dtype=np.float32) for part in parts))


class FusedBackbone:
    """``n_members`` networks, one compiled call a batch."""

    def __init__(self, config: BackboneConfig, state: Mapping[str, NDArray[Any]]) -> None:
        self._config, self._weights = config, FusedWeights.of(config, state)

    def __call__(self, batch: CrystalGraphBatch) -> Float:
        """Structure embeddings, ``[n_graphs, n_members, embedding_width]``; the interpreter is free meanwhile."""
        config, weights = self._config, self._weights
        # By member: kernels are compiled for each kind of array that they meet, and a slice of one graph is a kind.
        embeddings = np.empty((config.n_members, batch.n_graphs, config.embedding_width), dtype=np.float32)
        steps = np.float32((config.n_grid - 1) / config.radius_max)
        # The last grid point itself has no upper neighbour to interpolate to.
        positions = np.minimum(batch.distances * steps, np.float32(config.n_grid - 1.001))
        rows = batch.rows.astype(np.int32, copy=False)
        is_by_kind = config.edge_filter is EdgeFilter.KIND
        classes = (
            alike_nodes(batch, config.n_layers)
            if is_by_kind
            else every_node(len(batch.atomic_numbers), config.n_layers)
        )
        species = batch.atomic_numbers.astype(np.int32)
        for member in range(config.n_members):
            _embed(
                species,
                *classes,
                batch.multiplicities,
                batch.cell_offsets,
                rows,
                batch.sources,
                positions,
                batch.weights,
                weights.species[member],
                weights.species_terms[member],
                weights.terms[member],
                weights.filters[member],
                weights.message_out[member],
                weights.update_in[member],
                weights.update_bias[member],
                weights.update_out[member],
                weights.readout_gain[member],
                embeddings[member],
            )
        return np.ascontiguousarray(embeddings.swapaxes(0, 1))


def embed_rock_salt() -> Float:
    """NaCl through a network of zeros: loads the kernels, or compiles them, before the first request does."""
    config = BackboneConfig(n_members=1, width=8, n_layers=1)
    state = {name: np.zeros(shape, dtype=np.float32) for name, shape in state_shapes(config).items()}
    return FusedBackbone(config, state)(collate([featurize_rock_salt()]))


def state_shapes(config: BackboneConfig) -> dict[str, tuple[int, ...]]:
    """Shape of each weight of a ``StackedBackbone``, by name."""
    members, width = config.n_members, config.width
    layer = {
        "message_gain": (1, width),
        "to_centre": (width, 2 * width),
        "to_neighbour": (width, 2 * width),
        "to_filter": (config.n_radial, 2 * width),
        "message_bias": (1, 2 * width),
        "message_out": (width, width),
        "update_gain": (1, width),
        "update_in": (width, 2 * width),
        "update_bias": (1, 2 * width),
        "update_out": (2 * width, width),
    }
    shapes = {
        f"layers.{number}.{name}": (members, *shape)
        for number in range(config.n_layers)
        for name, shape in layer.items()
    }
    own = {
        "species": (members, config.n_species, width),
        "readout_gain": (config.n_layers, members, 1, width),
    }
    return own | shapes


def radial_basis(config: BackboneConfig) -> NDArray[np.float64]:
    """``backbones.stacked.radial_basis`` without torch, ``[n_grid, n_radial]``."""
    if config.edge_filter is EdgeFilter.KIND:
        return np.eye(config.n_grid)
    grid = np.linspace(0.0, config.radius_max, config.n_grid)
    centres = np.square(np.linspace(np.sqrt(0.5), np.sqrt(config.radius_max), config.n_radial))
    widths = np.gradient(centres) if config.n_radial > 1 else np.ones(1)
    return np.asarray(np.exp(-0.5 * np.square((grid[:, None] - centres) / widths)))


def _layers(state: Mapping[str, NDArray[Any]], name: str) -> NDArray[np.float64]:
    """One weight of all layers, ``[n_members, n_layers, ...]``."""
    n_layers = sum(key.endswith(f".{name}") for key in state)
    stacked = [state[f"layers.{layer}.{name}"] for layer in range(n_layers)]
    return np.stack(stacked, axis=1).astype(np.float64)


@compiled(fastmath=True)
def _embed(
    species_of: Index,
    classes: Index,
    firsts: Index,
    counts: Index,
    multiplicities: Index,
    cell_offsets: NDArray[np.int64],
    rows: Index,
    sources: Index,
    positions: Float,
    edge_weights: Float,
    species: Float,
    species_terms: Float,
    terms_of: Float,
    filters: Float,
    message_out: Float,
    update_in: Float,
    update_bias: Float,
    update_out: Float,
    readout_gain: Float,
    embeddings: Float,
) -> None:
    """One member's embeddings of a batch, ``[n_graphs, embedding_width]``.

    ``place`` is the row of each node in the states and terms of the layer before: its species, then its class.
    """
    width, n_layers, most = species.shape[1], len(terms_of), counts.max()
    place, terms, before = species_of, species_terms, species
    all_terms = np.empty((counts[: n_layers - 1].max() if n_layers > 1 else 0, 4 * width), dtype=np.float32)
    states, spare = np.empty((most, width), dtype=np.float32), np.empty((most, width), dtype=np.float32)
    normed = np.empty((most, width), dtype=np.float32)
    messages = np.empty((_BLOCK, width), dtype=np.float32)
    change = np.empty((_BLOCK, width), dtype=np.float32)
    hidden = np.empty((_BLOCK, 2 * width), dtype=np.float32)
    for layer in range(n_layers):
        for start in range(0, counts[layer - 1] if layer > 0 else 0, _BLOCK):
            stop = min(start + _BLOCK, counts[layer - 1])
            np.dot(normed[start:stop], terms_of[layer], all_terms[start:stop])
        if layer > 0:
            terms = all_terms
        nodes = firsts[layer]
        for start in range(0, counts[layer], _BLOCK):
            stop = min(start + _BLOCK, counts[layer])
            block, block_normed, size = states[start:stop], normed[start:stop], stop - start
            for row in range(size):
                block[row] = before[place[nodes[start + row]]]
            some, into = nodes[start:stop], messages[:size]
            if width == _SHIPPED_WIDTH:
                _shipped_messages(terms, place, filters[layer], rows, sources, positions, edge_weights, some, into)
            else:
                _messages(terms, place, filters[layer], rows, sources, positions, edge_weights, some, into)
            np.dot(messages[:size], message_out[layer], change[:size])
            _add_and_norm(change, block, block_normed)
            np.dot(block_normed, update_in[layer], hidden[:size])
            _activate(update_bias[layer], hidden[:size])
            np.dot(hidden[:size], update_out[layer], change[:size])
            _add_and_norm(change, block, block_normed)
        place = classes[layer]
        _mean_over_atoms(
            normed,
            place,
            readout_gain[layer],
            multiplicities,
            cell_offsets,
            embeddings[:, layer * width : (layer + 1) * width],
        )
        before = states
        states, spare = spare, states
    _maximum_over_atoms(normed, place, readout_gain[n_layers - 1], cell_offsets, embeddings[:, n_layers * width :])


def _kernel_of_messages(fixed: int) -> Callable[..., None]:
    """A kernel for states of a width that is known when it is compiled, or of any (0)."""

    @compiled(fastmath=True)
    def kernel(
        terms: Float,
        place: Index,
        table: Float,
        rows: Index,
        sources: Index,
        positions: Float,
        weights: Float,
        nodes: Index,
        summed: Float,
    ) -> None:
        """``messages.edge_messages`` of some nodes; both gates over one division, two edges at a time.

        A pair reads the node's own terms, and reads and writes its sum, once; the compiler's proof that the arrays do
        not overlap is run once, too. Sums come in the same order as one edge at a time.
        """
        width = fixed or summed.shape[1]
        one, quarter = np.float32(1.0), np.float32(0.25)
        for row in range(len(summed)):
            node, total = nodes[row], summed[row]
            total[:] = np.float32(0.0)
            own = terms[place[node]]
            first, last = rows[node], rows[node + 1]
            for edge in range(first, last - 1, 2):
                other, after = terms[place[sources[edge]]], terms[place[sources[edge + 1]]]
                step, next_step = int(positions[edge]), int(positions[edge + 1])
                upper, next_upper = positions[edge] - np.float32(step), positions[edge + 1] - np.float32(next_step)
                lower, next_lower = one - upper, one - next_upper
                low, high, next_low, next_high = table[step], table[step + 1], table[next_step], table[next_step + 1]
                weight, next_weight = quarter * weights[edge], quarter * weights[edge + 1]
                for c in range(width):
                    at = width + c
                    gate = own[c] + other[2 * width + c] + lower * low[c] + upper * high[c]
                    core = own[at] + other[2 * width + at] + lower * low[at] + upper * high[at]
                    next_gate = own[c] + after[2 * width + c] + next_lower * next_low[c] + next_upper * next_high[c]
                    next_core = own[at] + after[2 * width + at] + next_lower * next_low[at] + next_upper * next_high[at]
                    a, b, next_a, next_b = one + abs(gate), one + abs(core), one + abs(next_gate), one + abs(next_core)
                    total[c] += weight * core * (a + gate) * (b + core) / (a * b)
                    total[c] += (
                        next_weight * next_core * (next_a + next_gate) * (next_b + next_core) / (next_a * next_b)
                    )
            if (last - first) % 2:
                edge = last - 1
                other, step = terms[place[sources[edge]]], int(positions[edge])
                upper, weight = positions[edge] - np.float32(step), quarter * weights[edge]
                lower, low, high = one - upper, table[step], table[step + 1]
                for c in range(width):
                    at = width + c
                    gate = own[c] + other[2 * width + c] + lower * low[c] + upper * high[c]
                    core = own[at] + other[2 * width + at] + lower * low[at] + upper * high[at]
                    a, b = one + abs(gate), one + abs(core)
                    total[c] += weight * core * (a + gate) * (b + core) / (a * b)

    return kernel


_messages = _kernel_of_messages(0)
# Its loops over channels have neither remainders nor counts to check.
_shipped_messages = _kernel_of_messages(_SHIPPED_WIDTH)


@compiled(fastmath=True)
def _add_and_norm(change: Float, states: Float, normed: Float) -> None:
    """Adds the change to the states; ``normed`` becomes the states over their root mean square."""
    width = states.shape[1]
    for node in range(len(states)):
        added, state, scaled = change[node], states[node], normed[node]
        total = np.float32(0.0)
        for c in range(width):
            value = state[c] + added[c]
            state[c] = value
            total += value * value
        scale = np.float32(1.0) / np.sqrt(total / np.float32(width) + np.float32(NORM_EPSILON))
        for c in range(width):
            scaled[c] = state[c] * scale


@compiled(fastmath=True)
def _activate(bias: Float, values: Float) -> None:
    """``x / (1 + exp(-x))`` of ``x = values + bias``, in place.

    The logistic function through a rational tanh that compilers vectorize (Eigen's ``ptanh``, within 1e-7).
    """
    half = np.float32(0.5)
    bound = np.float32(7.90531110763549805)
    for node in range(len(values)):
        row = values[node]
        for c in range(len(bias)):
            value = row[c] + bias[c]
            x = max(-bound, min(bound, half * value))
            s = x * x
            top = np.float32(-2.76076847742355e-16)
            top = top * s + np.float32(2.00018790482477e-13)
            top = top * s + np.float32(-8.60467152213735e-11)
            top = top * s + np.float32(5.12229709037114e-08)
            top = top * s + np.float32(1.48572235717979e-05)
            top = top * s + np.float32(6.37261928875436e-04)
            top = top * s + np.float32(4.89352455891786e-03)
            bottom = np.float32(1.19825839466702e-06)
            bottom = bottom * s + np.float32(1.18534705686654e-04)
            bottom = bottom * s + np.float32(2.26843463243900e-03)
            bottom = bottom * s + np.float32(4.89352518554385e-03)
            row[c] = half * value * (np.float32(1.0) + x * top / bottom)


@compiled(fastmath=True)
def _mean_over_atoms(
    normed: Float, place: Index, gain: Float, multiplicities: Index, cell_offsets: NDArray[np.int64], means: Float
) -> None:
    """Mean over the atoms of each crystal, ``[n_graphs, width]``."""
    for graph in range(len(means)):
        mean = means[graph]
        mean[:] = np.float32(0.0)
        first, last = cell_offsets[graph], cell_offsets[graph + 1]
        n_atoms = np.float32(multiplicities[first:last].sum())
        for node in range(first, last):
            state, share = normed[place[node]], np.float32(multiplicities[node]) / n_atoms
            for c in range(len(gain)):
                mean[c] += share * state[c]
        for c in range(len(gain)):
            mean[c] *= gain[c]


# Not by fast arithmetic, which may assume that there is no infinity.
@compiled()
def _maximum_over_atoms(
    normed: Float, place: Index, gain: Float, cell_offsets: NDArray[np.int64], maxima: Float
) -> None:
    """Largest value of each channel in each crystal, ``[n_graphs, width]``."""
    for graph in range(len(maxima)):
        maximum = maxima[graph]
        maximum[:] = np.float32(-np.inf)
        for node in range(cell_offsets[graph], cell_offsets[graph + 1]):
            state = normed[place[node]]
            for c in range(len(gain)):
                maximum[c] = max(maximum[c], state[c] * gain[c])
