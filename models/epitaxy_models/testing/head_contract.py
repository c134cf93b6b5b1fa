"""What every implementation of property heads must satisfy, as tests to inherit.

A test module subclasses ``HeadContract`` and gives the sizes, ``read``, ``stored_and_read`` and ``spreads``; pytest
runs the inherited tests.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.heads.noise import LOG_NOISE_RANGE

Array = NDArray[np.float32]
Reading = tuple[Array, Array]

_N_STRUCTURES, _N_ELEMENTS = 9, 119


class HeadContract:
    """Shapes, batches, members, bounds of the noise and storage of property heads.

    Attributes:
        n_members: Members of the ensemble.
        n_in: Width of a member's structure embedding.
        n_properties: Properties read.
        tolerance: Largest relative difference of one structure alone and in a batch: float32 sums in another order.
    """

    n_members: int
    n_in: int
    n_properties: int
    tolerance = 1e-5

    def read(self, embeddings: Array, composition: Array) -> Reading:
        """Values and Laplace scales in the properties' units, float32 ``[n_members, n_structures, n_properties]``.

        Args:
            embeddings: ``[n_structures, n_members, n_in]``.
            composition: Share of each element, ``[n_structures, 119]``.
        """
        raise NotImplementedError("a subclass of HeadContract gives read")

    def stored_and_read(self, folder: Path, embeddings: Array, composition: Array) -> Reading:
        """The same by heads that were written to the folder and loaded again."""
        raise NotImplementedError("a subclass of HeadContract gives stored_and_read")

    def spreads(self) -> Array:
        """Spread of each property's labels, in its unit, ``[n_properties]``."""
        raise NotImplementedError("a subclass of HeadContract gives spreads")

    def test_values_and_scales_are_finite_float32_by_member_structure_and_property(self) -> None:
        """Shape ``[n_members, n_structures, n_properties]``; for embeddings of any size."""
        for size in (1.0, 1e4):
            embeddings, composition = self.inputs()
            for part in self.read(np.float32(size) * embeddings, composition):
                assert part.shape == (self.n_members, _N_STRUCTURES, self.n_properties), f"shape {part.shape}"
                assert part.dtype == np.float32, f"dtype {part.dtype}"
                assert np.isfinite(part).all(), "a reading is not finite"

    def test_no_structures_give_no_rows(self) -> None:
        """Shape ``[n_members, 0, n_properties]``."""
        embeddings, composition = self.inputs()
        for part in self.read(embeddings[:0], composition[:0]):
            assert part.shape == (self.n_members, 0, self.n_properties), f"shape {part.shape}"

    def test_same_call_gives_the_same_bits(self) -> None:
        """Nothing random is left in evaluation."""
        for first, second in zip(self.read(*self.inputs()), self.read(*self.inputs()), strict=True):
            np.testing.assert_array_equal(first, second)

    def test_structure_is_read_alike_alone_and_in_a_batch(self) -> None:
        """In any order of the batch."""
        embeddings, composition = self.inputs()
        together = self.read(embeddings, composition)
        alone = [self.read(embeddings[row : row + 1], composition[row : row + 1]) for row in range(_N_STRUCTURES)]
        back = self.read(embeddings[::-1], composition[::-1])
        for part in (0, 1):
            self._assert_close(np.concatenate([reading[part] for reading in alone], axis=1), together[part])
            self._assert_close(back[part][:, ::-1], together[part])

    def test_a_member_reads_its_own_embedding_alone(self) -> None:
        """Another embedding of one member changes what that member says, and nothing else."""
        embeddings, composition = self.inputs()
        before = self.read(embeddings, composition)
        other = embeddings.copy()
        other[:, 0] = embeddings[::-1, 0] + np.float32(1)
        after = self.read(other, composition)
        for part in (0, 1):
            self._assert_close(after[part][1:], before[part][1:])
        assert (np.abs(after[0][0] - before[0][0]).max(axis=0) > 0).all(), "a member does not read its embedding"

    def test_the_composition_adds_a_linear_reference_to_values_alone(self) -> None:
        """As the element references of an energy do: the same whatever the embedding, and no part of the scale."""
        embeddings, composition = self.inputs()
        other = composition[::-1]
        differences = [
            np.subtract(*(self.read(e, c)[0] for c in (composition, other))) for e in (embeddings, 2 * embeddings)
        ]
        limit = 1e-4 * (1 + np.abs(self.read(embeddings, composition)[0]).max())
        np.testing.assert_allclose(differences[0], differences[1], rtol=0, atol=limit)
        before, after = (self.read(embeddings, c)[1] for c in (composition, other))
        np.testing.assert_array_equal(after, before)

    def test_scales_stay_between_their_bounds(self) -> None:
        """``LOG_NOISE_RANGE`` times the spread of the labels, however far the embedding lies."""
        embeddings, composition = self.inputs()
        low, high = (np.exp(np.float32(bound)) * self.spreads() for bound in LOG_NOISE_RANGE)
        for size in (0.0, 1.0, 1e4):
            scales = self.read(np.float32(size) * embeddings, composition)[1]
            assert (scales >= low * (1 - 1e-5)).all(), "a scale is below its bound"
            assert (scales <= high * (1 + 1e-5)).all(), "a scale is above its bound"

    def test_stored_heads_read_the_same(self) -> None:
        """To the last bit."""
        with TemporaryDirectory() as folder:
            stored = self.stored_and_read(Path(folder), *self.inputs())
        for found, expected in zip(stored, self.read(*self.inputs()), strict=True):
            np.testing.assert_array_equal(found, expected)

    def test_embeddings_of_another_width_are_refused(self) -> None:
        """With the array library's own error, never with an answer."""
        embeddings, composition = self.inputs()
        try:
            self.read(embeddings[:, :, :-1], composition)
        except (ValueError, RuntimeError):
            return
        raise AssertionError("an embedding of another width was read")

    def inputs(self) -> tuple[Array, Array]:
        """Embeddings ``[n_structures, n_members, n_in]`` and compositions ``[n_structures, 119]``."""
        random = np.random.default_rng(4)
        composition = random.random((_N_STRUCTURES, _N_ELEMENTS)).astype(np.float32)
        embeddings = random.normal(size=(_N_STRUCTURES, self.n_members, self.n_in)).astype(np.float32)
        return embeddings, composition / composition.sum(axis=1, keepdims=True)

    def _assert_close(self, found: Array, expected: Array) -> None:
        size = float(np.abs(expected).max(initial=1e-12))
        difference = float(np.abs(found - expected).max(initial=0.0)) / size
        assert difference <= self.tolerance, f"readings differ by {difference:.3g} of their size"
