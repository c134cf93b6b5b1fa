"""What every backbone must satisfy, as tests to inherit.

A test module subclasses ``BackboneContract``, gives ``embed``, ``n_members`` and ``embedding_width``, and pytest runs
the inherited tests::

    class TestMyBackbone(BackboneContract):
        n_members, embedding_width = 5, 480

        def embed(self, structures):
            return my_network(structures)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.structures.structure import Structure
from epitaxy_models.testing.equivalent_cells import (
    displaced,
    permuted,
    random_basis,
    random_rotation,
    rebased,
    repeated,
    scaled,
    translated,
    turned,
)
from epitaxy_models.testing.specimens import specimens

_SEEDS = range(4)


@dataclass(frozen=True, slots=True)
class ContractTolerances:
    """Largest differences allowed between embeddings, absolute, for channels of unit size.

    Attributes:
        same_input: One structure alone and in a batch: float32 sums in another order.
        same_crystal: One crystal in other cells: distances that differ in their last bits.
        noise_amplitude: Displacement of every site, Angstrom, for the test of continuity.
        noise_response: Change that such a displacement may cause.
        another_crystal: Change that a crystal 2 % larger must cause at least.
    """

    same_input: float = 1e-5
    same_crystal: float = 5e-5
    noise_amplitude: float = 1e-4
    noise_response: float = 2e-2
    another_crystal: float = 5e-3


class BackboneContract:
    """Shapes, batches and invariances of a backbone."""

    n_members: int
    embedding_width: int
    tolerances = ContractTolerances()

    def embed(self, structures: Sequence[Structure]) -> NDArray[np.float32]:
        """Embeddings ``[n_structures, n_members, embedding_width]``; the subclass gives them."""
        raise NotImplementedError("a subclass of BackboneContract gives embed")

    def crystals(self) -> Mapping[str, Structure]:
        """Crystals to try, by name; a subclass may add its own."""
        return specimens()

    def test_embedding_has_a_row_a_structure_in_finite_float32(self) -> None:
        """Shape ``[n_structures, n_members, embedding_width]``, float32, finite."""
        structures = list(self.crystals().values())
        embeddings = self.embed(structures)
        assert embeddings.shape == (len(structures), self.n_members, self.embedding_width)
        assert embeddings.dtype == np.float32
        assert np.isfinite(embeddings).all()

    def test_empty_batch_gives_no_rows(self) -> None:
        """Shape ``[0, n_members, embedding_width]``, float32."""
        embeddings = self.embed([])
        assert embeddings.shape == (0, self.n_members, self.embedding_width)
        assert embeddings.dtype == np.float32

    def test_same_call_gives_the_same_bits(self) -> None:
        """Nothing random is left in evaluation."""
        structures = list(self.crystals().values())
        np.testing.assert_array_equal(self.embed(structures), self.embed(structures))

    def test_structure_is_embedded_alike_alone_and_in_a_batch(self) -> None:
        """Within ``same_input``."""
        structures = list(self.crystals().values())
        alone = np.concatenate([self.embed([structure]) for structure in structures])
        self._assert_close(self.embed(structures), alone, self.tolerances.same_input)

    def test_rows_follow_the_order_of_the_batch(self) -> None:
        """A reversed batch gives reversed rows, within ``same_input``."""
        structures = list(self.crystals().values())
        self._assert_close(self.embed(structures[::-1])[::-1], self.embed(structures), self.tolerances.same_input)

    def test_members_differ(self) -> None:
        """No member repeats another."""
        embeddings = self.embed(list(self.crystals().values()))
        for member in range(1, self.n_members):
            assert np.abs(embeddings[:, member] - embeddings[:, 0]).max() > self.tolerances.another_crystal

    def test_translation_does_not_matter(self) -> None:
        """Within ``same_crystal``."""
        for structure in self.crystals().values():
            shifts = (np.random.default_rng(seed).random(3) for seed in _SEEDS)
            self._assert_same_crystal(structure, [translated(structure, shift) for shift in shifts])

    def test_rotation_does_not_matter(self) -> None:
        """Within ``same_crystal``."""
        for structure in self.crystals().values():
            self._assert_same_crystal(structure, [turned(structure, random_rotation(seed)) for seed in _SEEDS])

    def test_reflection_does_not_matter(self) -> None:
        """Improper rotations, within ``same_crystal``: energies and gaps do not see handedness."""
        for structure in self.crystals().values():
            operations = (random_rotation(seed, proper=False) for seed in _SEEDS)
            self._assert_same_crystal(structure, [turned(structure, operation) for operation in operations])

    def test_order_of_sites_does_not_matter(self) -> None:
        """Within ``same_crystal``."""
        for structure in self.crystals().values():
            orders = (np.random.default_rng(seed).permutation(structure.n_sites) for seed in _SEEDS)
            self._assert_same_crystal(structure, [permuted(structure, order) for order in orders])

    def test_supercell_does_not_matter(self) -> None:
        """An embedding is intensive, within ``same_crystal``."""
        for structure in self.crystals().values():
            times = ((2, 1, 1), (1, 1, 3), (2, 2, 1))
            self._assert_same_crystal(structure, [repeated(structure, counts) for counts in times])

    def test_choice_of_the_primitive_cell_does_not_matter(self) -> None:
        """Random unimodular changes of the lattice vectors, within ``same_crystal``."""
        for structure in self.crystals().values():
            self._assert_same_crystal(structure, [rebased(structure, random_basis(seed)) for seed in _SEEDS])

    def test_all_changes_of_description_together_do_not_matter(self) -> None:
        """A rebased, doubled, permuted, turned and translated crystal, within ``same_crystal``."""
        for structure in self.crystals().values():
            self._assert_same_crystal(structure, [_disguised(structure, seed) for seed in _SEEDS])

    def test_answer_is_continuous_where_symmetry_breaks(self) -> None:
        """Noise of ``noise_amplitude`` reorders equal distances and moves no channel beyond ``noise_response``."""
        for name, structure in self.crystals().items():
            noisy = [displaced(structure, self.tolerances.noise_amplitude, seed) for seed in _SEEDS]
            change = np.abs(self.embed(noisy) - self.embed([structure])).max()
            assert change <= self.tolerances.noise_response, f"{name} moved by {change:.3g}"

    def test_another_crystal_gives_another_embedding(self) -> None:
        """Other lengths and other elements both show, by at least ``another_crystal``."""
        for name, structure in self.crystals().items():
            others = [_next_elements(structure)] if name == "lone_atom" else [scaled(structure, 1.02)]
            change = np.abs(self.embed(others) - self.embed([structure])).max()
            assert change >= self.tolerances.another_crystal, f"{name} moved by {change:.3g} only"

    def _assert_same_crystal(self, structure: Structure, others: list[Structure]) -> None:
        embeddings = self.embed([structure, *others])
        self._assert_close(embeddings[1:], embeddings[:1], self.tolerances.same_crystal)

    @staticmethod
    def _assert_close(found: NDArray[np.float32], expected: NDArray[np.float32], tolerance: float) -> None:
        difference = float(np.abs(found - expected).max())
        assert difference <= tolerance, f"embeddings differ by {difference:.3g}, more than {tolerance:g}"


def _disguised(structure: Structure, seed: int) -> Structure:
    generator = np.random.default_rng(seed)
    other = repeated(rebased(structure, random_basis(seed)), (1, 2, 1))
    other = permuted(other, generator.permutation(other.n_sites))
    return translated(turned(other, random_rotation(seed, proper=seed % 2 == 0)), generator.random(3))


def _next_elements(structure: Structure) -> Structure:
    return Structure(structure.lattice, structure.atomic_numbers + np.uint8(1), structure.frac_coords)
