"""Graphs of molecules and of endless chains: what a message-passing network sees must not depend on the writing."""

import warnings

import numpy as np
import pytest
import torch
from rdkit import Chem
from torch import Tensor

from epitaxy_models.backbones.config import BackboneConfig
from epitaxy_models.backbones.fused import FusedBackbone
from epitaxy_models.backbones.messages import algebraic_gate, reference_messages
from epitaxy_models.backbones.shapes import shape_for
from epitaxy_models.backbones.stacked import StackedBackbone
from epitaxy_models.errors import UnsupportedElementError
from epitaxy_models.graphs.atom_kinds import HUB, AtomKinds, kind_of, shipped_kinds
from epitaxy_models.graphs.batch import collate
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.graphs.molecule_graph import build_chain_graph, build_molecule_graph, shipped_rule
from epitaxy_models.molecules import read_molecule
from epitaxy_models.polymers import read_polymer

TOLERANCE = 2e-5
# Channels of an embedding that are means over atoms; the others are maxima.
MEANS = slice(0, 16 * 3)


def _shape() -> BackboneConfig:
    return shape_for(shipped_rule(), n_members=2, width=16, n_layers=3)


@pytest.fixture(scope="module")
def backbone() -> StackedBackbone:
    torch.manual_seed(5)
    return StackedBackbone(_shape())


@pytest.fixture(scope="module")
def embed(backbone: StackedBackbone) -> FusedBackbone:
    return FusedBackbone(_shape(), {name: value.numpy() for name, value in backbone.state_dict().items()})


def _molecule(smiles: str) -> CrystalGraph:
    molecule = read_molecule(smiles).molecule
    return build_molecule_graph(molecule.graph, molecule.key)


def _chain(text: str) -> CrystalGraph:
    polymer = read_polymer(text).polymer
    return build_chain_graph([unit.graph for unit in polymer.units], polymer.amounts, polymer.key)


def _raw_chain(smiles: str) -> CrystalGraph:
    """Of the unit as written, without its canonical form."""
    return build_chain_graph([Chem.MolFromSmiles(smiles)], [1], smiles)


@pytest.mark.parametrize(
    ("one", "other"),
    [("OC(=O)c1ccccc1", "c1ccc(cc1)C(O)=O"), ("C1=CC=CC=C1", "c1ccccc1"), ("C(C)(C)(C)N", "NC(C)(C)C")],
)
def test_the_writing_of_a_smiles_does_not_matter(embed: FusedBackbone, one: str, other: str) -> None:
    first, second = _molecule(one), _molecule(other)
    assert first.key == second.key
    np.testing.assert_allclose(*embed(collate([first, second])), atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("*CC*", "*CCCC*"),  # repeats
        ("*OCC*", "*COC*"),  # the cut
        ("*CC(*)c1ccccc1", "*C(c1ccccc1)C*"),
        ("*Oc1ccc(*)cc1", "*c1ccc(Oc2ccc(O*)cc2)cc1"),
    ],
)
def test_an_endless_chain_has_no_cut_and_no_length(embed: FusedBackbone, one: str, other: str) -> None:
    """Of units as written: the network itself must not see them, whatever the canonical key makes of them."""
    found = embed(collate([_raw_chain(one), _raw_chain(other)]))
    np.testing.assert_allclose(found[0], found[1], atol=TOLERANCE, rtol=0)


def test_a_chain_is_the_limit_of_long_molecules(embed: FusedBackbone) -> None:
    chain, short, long = embed(collate([_chain("*CC*"), _molecule("C" * 10), _molecule("C" * 200)]))
    # Maxima see the ends, however long the molecule is.
    assert np.abs(long - chain)[:, MEANS].mean() < 0.2 * np.abs(short - chain)[:, MEANS].mean()


def test_copolymers_lie_between_their_units(embed: FusedBackbone) -> None:
    one, other, little, much = embed(
        collate(
            [_chain("*CC*"), _chain("*CC(*)C#N"), _chain("*CC* 0.9; *CC(*)C#N 0.1"), _chain("*CC* 0.1; *CC(*)C#N 0.9")]
        )
    )
    distance = [
        np.linalg.norm((x - y)[:, MEANS]) for x, y in ((little, one), (little, other), (much, one), (much, other))
    ]
    assert distance[0] < distance[1]
    assert distance[3] < distance[2]


def test_the_network_is_a_torch_geometric_operator(backbone: StackedBackbone) -> None:
    """One round of messages on molecules, with bonds as kinds of edges, as torch-geometric users write it."""
    with warnings.catch_warnings():
        # torch-geometric still compiles with torch.jit when it is imported.
        warnings.simplefilter("ignore")
        from torch_geometric.nn import MessagePassing

    class Messages(MessagePassing):  # type: ignore[misc]  # untyped library
        def __init__(self) -> None:
            super().__init__(aggr="add", node_dim=-2)

        def forward(
            self, edge_index: Tensor, centre: Tensor, neighbour: Tensor, bond: Tensor, weight: Tensor
        ) -> Tensor:
            summed: Tensor = self.propagate(edge_index, centre=centre, neighbour=neighbour, bond=bond, weight=weight)
            return summed

        def message(self, centre_i: Tensor, neighbour_j: Tensor, bond: Tensor, weight: Tensor) -> Tensor:
            gate, core = (centre_i + neighbour_j + bond).chunk(2, dim=-1)
            messages: Tensor = weight[:, None] * algebraic_gate(gate) * core * algebraic_gate(core)
            return messages

    batch = collate([_molecule("CC(=O)Oc1ccccc1C(O)=O"), _chain("*CC(*)c1ccncc1"), _molecule("C")])
    layer = backbone.layers[0]
    centre, neighbour = layer.terms(backbone.species[:, batch.atomic_numbers.astype(np.int64)])
    # One row of the filter a kind of bond.
    bonds = layer.to_filter[:, torch.from_numpy(batch.distances.astype(np.int64))]
    weights = torch.from_numpy(batch.weights)
    expected = Messages()(torch.from_numpy(batch.edge_index), centre, neighbour, bonds, weights)
    arrays = (batch.rows, batch.sources, batch.distances, batch.weights)
    table = torch.matmul(backbone.radial_grid, layer.to_filter)
    found = reference_messages(centre, neighbour, table, *(torch.from_numpy(array) for array in arrays))
    torch.testing.assert_close(found, expected, atol=TOLERANCE, rtol=0)


def test_an_unknown_element_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedElementError, match="knows no Pt: it knows H, "):
        _molecule("C[Pt]C")


def test_a_kind_that_is_not_in_the_table_is_a_rare_atom_of_its_element() -> None:
    kinds = shipped_kinds()
    atom = read_molecule("FS(F)(F)(F)(F)F").molecule.graph.GetAtomWithIdx(1)
    strange = AtomKinds({kind: n for kind, n in kinds.common.items() if kind != kind_of(atom)}, kinds.rare)
    assert strange.number_of(atom) == kinds.rare[16]
    assert kinds.names[HUB] == ""
    assert len(kinds.names) == len(kinds) == shipped_rule().n_kinds


def test_a_table_of_kinds_is_read_back_and_does_not_depend_on_order() -> None:
    graph = read_molecule("CC(=O)Oc1ccccc1C(O)=O").molecule.graph
    atoms = [kind_of(atom) for atom in graph.GetAtoms()]
    table = AtomKinds.counted(atoms)
    assert table.as_json() == AtomKinds.counted(reversed(atoms)).as_json()
    assert AtomKinds.from_json(table.as_json()).common == table.common
