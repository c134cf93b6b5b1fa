"""One crystal as the network sees it while parts of it are taken away."""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from epitaxy_models.backbones.tensors import GraphTensors
from epitaxy_models.explanation.anatomy import CrystalAnatomy
from epitaxy_models.explanation.network import NO_ELEMENT, ExplainedNetwork, Terms

# Copies of a crystal run together while they have fewer edges than this; memory grows with nodes, which are fewer.
_EDGES_AT_ONCE = 20_000


class AblatedCrystal:
    """One crystal, and one property of it.

    An atom that is taken away is of no element in particular. A neighbour that is taken away sends what it would send
    were all atoms of the crystal such. All places stay filled, for no network has seen atoms without neighbours: what
    five members say of those differs by several eV/atom.
    """

    def __init__(self, network: ExplainedNetwork, anatomy: CrystalAnatomy, name: str) -> None:
        graph = anatomy.graph
        self.anatomy = anatomy
        self._network, self._name = network, name
        self.whole = network.first_states(graph.atomic_numbers)
        self.empty = network.first_states(np.full_like(graph.atomic_numbers, NO_ELEMENT))
        self._blank = network.terms(self.empty, network.tensors([graph]))
        # Asked for a few numbers of copies, over and over.
        self._copies = lru_cache(maxsize=4)(self._copies_of)

    @property
    def n_members(self) -> int:
        """Of the ensemble."""
        return self._network.config.n_members

    def corrections(self, states: Tensor, presence: Tensor) -> Tensor:
        """What the network adds to the linear reference of each copy, ``[n_copies, n_members]``.

        Args:
            states: That the nodes start with, ``[n_copies, n_members, n_nodes, width]``.
            presence: How far the neighbours are there, 0 to 1, ``[n_copies, n_members, n_edges]``.
        """
        graph, blank = self._copies(len(states))
        beside = states.transpose(0, 1).flatten(1, 2)
        found = self._network.corrections(beside, graph, presence.transpose(0, 1).flatten(1, 2), blank, self._name)
        return found.transpose(0, 1)

    @torch.inference_mode()
    def values(self, present: NDArray[np.bool_]) -> NDArray[np.float64]:
        """What each member says where only these parts ``[n_variants, n_parts]`` are left: ``[n_variants, n_members]``.

        Parts are the nodes, then the shells.
        """
        step = max(1, _EDGES_AT_ONCE // max(1, self.anatomy.graph.n_edges))
        chunks = [self._values_of(present[start : start + step]) for start in range(0, len(present), step)]
        return np.concatenate(chunks)

    def references(self, nodes: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Share of each node in the linear reference, where some nodes are left, ``[..., n_nodes]``."""
        graph = self.anatomy.graph
        of_element = self._network.references(graph.atomic_numbers, self._name)
        of_none = self._network.references(np.array([NO_ELEMENT]), self._name)
        shares = graph.multiplicities / graph.multiplicities.sum()
        return np.asarray(np.where(nodes, of_element, of_none) * shares)

    def _values_of(self, present: NDArray[np.bool_]) -> NDArray[np.float64]:
        nodes, shells = np.split(present, [self.anatomy.graph.n_nodes], axis=1)
        is_left = torch.tensor(nodes)[:, None, :, None]
        edges = torch.from_numpy(shells[:, self.anatomy.shell_of_edge].astype(np.float32))
        presence = edges[:, None].expand(-1, self.n_members, -1)
        corrections = self.corrections(torch.where(is_left, self.whole, self.empty), presence)
        return np.asarray(corrections.double().numpy() + self.references(nodes).sum(axis=-1)[:, None])

    def _copies_of(self, count: int) -> tuple[GraphTensors, list[Terms]]:
        blank = [(centre.repeat(1, count, 1), neighbour.repeat(1, count, 1)) for centre, neighbour in self._blank]
        return self._network.tensors([self.anatomy.graph] * count), blank
