"""The backbone contract, held by fresh and by shipped weights, on quotient graphs and on full ones."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from epitaxy_models.backbones.config import BackboneConfig
from epitaxy_models.backbones.stacked import StackedBackbone
from epitaxy_models.backbones.tensors import to_tensors
from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.graphs.batch import collate
from epitaxy_models.graphs.graph import CrystalGraph, build_full_graph, build_graph
from epitaxy_models.structures import Structure
from epitaxy_models.testing import BackboneContract
from epitaxy_models.testing.equivalent_cells import rebased, repeated
from epitaxy_models.testing.specimens import specimens

FRESH = BackboneConfig(n_members=3, width=24, n_layers=3)
IDENTIFIERS = ("TiO2-rutile", "SiO2-quartz_alpha", "FeS2-pyrite", "Bi2Te3-bi2te3", "CaCO3-calcite")


class FreshBackbone(BackboneContract):
    """A network at its first step, seeded."""

    n_members, embedding_width = FRESH.n_members, FRESH.embedding_width
    featurize: Callable[[Structure], CrystalGraph]

    @cached_property
    def network(self) -> StackedBackbone:
        torch.manual_seed(5)
        return StackedBackbone(FRESH).eval()

    def embed(self, structures: Sequence[Structure]) -> NDArray[np.float32]:
        graphs = collate([type(self).featurize(structure) for structure in structures])
        with torch.inference_mode():
            found: NDArray[np.float32] = self.network(to_tensors(graphs, FRESH)).numpy().swapaxes(0, 1)
        return found


class TestFreshBackboneOnQuotientGraphs(FreshBackbone):
    featurize = staticmethod(build_graph)


class TestFreshBackboneOnFullGraphs(FreshBackbone):
    """The invariances are the network's own, not only those of the quotient."""

    featurize = staticmethod(build_full_graph)


class TestShippedModel(BackboneContract):
    embedder = Embedder(load_artifact(shipped_model()))
    n_members, embedding_width = embedder.config.n_members, embedder.config.embedding_width

    def embed(self, structures: Sequence[Structure]) -> NDArray[np.float32]:
        return self.embedder([build_graph(structure) for structure in structures])

    def crystals(self) -> Mapping[str, Structure]:
        bundled = {crystal.identifier: crystal.structure for crystal in bundled_crystals()}
        return {**specimens(), **{identifier: bundled[identifier] for identifier in IDENTIFIERS}}

    @pytest.mark.parametrize("reduction", ["niggli", "lll"])
    def test_reduced_cell_gives_the_same_answer(self, reduction: str) -> None:
        from pymatgen.core import Lattice

        for structure in self.crystals().values():
            lattice = Lattice(structure.lattice)
            found = lattice.get_niggli_reduced_lattice() if reduction == "niggli" else lattice.get_lll_reduced_lattice()
            basis = _basis_of(structure.lattice, found)
            self._assert_same_crystal(structure, [rebased(structure, basis)])

    def test_primitive_cell_gives_the_answer_of_the_conventional_one(self) -> None:
        from pymatgen.core import Structure as PymatgenStructure

        for structure in self.crystals().values():
            large = repeated(structure, (2, 2, 1))
            given = PymatgenStructure(large.lattice, large.atomic_numbers, large.frac_coords)
            small = given.get_primitive_structure()
            assert len(small) <= structure.n_sites
            numbers = np.array(small.atomic_numbers, dtype=np.uint8)
            primitive = Structure(np.array(small.lattice.matrix), numbers, np.array(small.frac_coords) % 1.0)
            self._assert_same_crystal(structure, [primitive])


def _basis_of(lattice: NDArray[np.float64], reduced: object) -> NDArray[np.int64]:
    """Integer rows that make a lattice of the reduced one's lengths and angles from the given rows."""
    from pymatgen.core import Lattice

    mapping = Lattice(lattice).find_mapping(reduced, ltol=1e-5, atol=1e-3)
    assert mapping is not None
    basis: NDArray[np.int64] = np.rint(mapping[2]).astype(np.int64)
    assert abs(round(float(np.linalg.det(basis)))) == 1
    return basis


class _Constant(BackboneContract):
    """Ignores its input, so it breaks the parts of the contract that ask for a difference."""

    n_members, embedding_width = 2, 4

    def embed(self, structures: Sequence[Structure]) -> NDArray[np.float32]:
        return np.zeros((len(structures), self.n_members, self.embedding_width), dtype=np.float32)


class _Extensive(_Constant):
    """Counts sites, so a supercell changes its answer."""

    def embed(self, structures: Sequence[Structure]) -> NDArray[np.float32]:
        counts = np.array([structure.n_sites for structure in structures], dtype=np.float32)
        return np.broadcast_to(counts[:, None, None], (len(structures), 2, 4)).copy()


class _Oriented(_Constant):
    """Sees the x axis, so a rotation changes its answer."""

    def embed(self, structures: Sequence[Structure]) -> NDArray[np.float32]:
        sizes = np.array([np.abs(structure.lattice[:, 0]).max() for structure in structures], dtype=np.float32)
        return np.broadcast_to(sizes[:, None, None], (len(structures), 2, 4)).copy()


def test_contract_catches_a_backbone_that_ignores_its_input() -> None:
    with pytest.raises(AssertionError, match=r"moved by 0 only"):
        _Constant().test_another_crystal_gives_another_embedding()


def test_contract_catches_an_extensive_backbone() -> None:
    with pytest.raises(AssertionError, match=r"embeddings differ by"):
        _Extensive().test_supercell_does_not_matter()


def test_contract_catches_a_backbone_that_sees_orientation() -> None:
    with pytest.raises(AssertionError, match=r"embeddings differ by"):
        _Oriented().test_rotation_does_not_matter()
