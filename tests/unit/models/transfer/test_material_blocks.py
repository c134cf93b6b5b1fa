"""Blocks of molecules, polymers and compositions, and the strategies that read them."""

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from epitaxy_models.compositions import read_composition
from epitaxy_models.errors import CheckpointError, UnsupportedElementError
from epitaxy_models.molecules import read_molecule
from epitaxy_models.polymers import read_polymer
from epitaxy_models.substrates.pair_cells import PROTOTYPES, PairCells
from epitaxy_models.substrates.shipped import (
    pretrained_folder,
    shipped_compositional,
    shipped_crystal,
    shipped_molecular,
    shipped_pair_cells,
)
from epitaxy_models.transfer.descriptors.material_blocks import CompositionBlocks, MolecularBlocks
from epitaxy_models.transfer.inputs import COUNTS, DESCRIPTORS, EMBEDDING, FRACTIONS, PAIRS, SUBSTRATE, TransferInputs
from epitaxy_models.transfer.strategies import restore
from epitaxy_models.transfer.strategies.block_gp import BlockGP
from epitaxy_models.transfer.strategies.block_kernel import KernelTerm, Shape
from epitaxy_models.transfer.strategies.block_scaling import shares_in_common
from epitaxy_models.transfer.strategies.descriptor_forest import DescriptorForest

ACIDS = [f"{'C' * n}C(=O)O" for n in range(1, 13)]


@dataclass(frozen=True)
class Rows:
    """What strategies read of materials without a crystal."""

    blocks: dict[str, NDArray[np.float64]]
    formulas: tuple[str, ...]
    conditions: dict[str, NDArray[Any]] = field(default_factory=dict)
    condition_blocks: tuple[str, ...] = ()
    sides: None = None

    @property
    def n_rows(self) -> int:
        return len(self.formulas)

    def take(self, rows: NDArray[np.int64]) -> "Rows":
        return Rows({name: block[rows] for name, block in self.blocks.items()}, tuple(self.formulas[i] for i in rows))


@pytest.fixture(scope="module")
def acids() -> TransferInputs:
    molecules = [read_molecule(text).molecule for text in ACIDS]
    return cast("TransferInputs", Rows(MolecularBlocks(shipped_molecular())(molecules), tuple(ACIDS)))


def test_shares_in_common_are_tanimoto_of_counts() -> None:
    generator = np.random.default_rng(0)
    counts = generator.poisson(1.0, size=(6, 40)).astype(np.float32)
    counts[5] = 0
    expected = [[np.minimum(a, b).sum() / max(np.maximum(a, b).sum(), 1e-9) for b in counts] for a in counts]
    expected[5][5] = 1.0
    np.testing.assert_allclose(shares_in_common(counts, counts), expected, atol=1e-9)


def test_a_process_on_molecules_learns_sizes_and_is_restored(acids: TransferInputs) -> None:
    targets = np.arange(12, dtype=np.float64)
    train, test = np.arange(0, 12, 2), np.arange(1, 11, 2)
    fitted = BlockGP().fit(acids.take(train), targets[train], 0)
    prediction = fitted.predict(acids.take(test))
    assert np.abs(prediction.values - targets[test]).mean() < 1.0
    assert COUNTS in fitted.block_weights()
    again = restore(fitted.state()).predict(acids.take(test))
    np.testing.assert_array_equal(again.values, prediction.values)


def test_fragments_add_up_where_many_labels_tell_their_parts() -> None:
    process = BlockGP(linear_beyond=(COUNTS,))
    few, many = (list(process._terms([COUNTS, DESCRIPTORS], n)) for n in (80, 81))
    assert [(term.block, term.shape) for term in many[:2]] == [(COUNTS, Shape.TANIMOTO), (COUNTS, Shape.LINEAR)]
    assert KernelTerm(COUNTS, Shape.LINEAR) not in few
    assert KernelTerm(COUNTS, Shape.LINEAR) not in list(BlockGP()._terms([COUNTS, DESCRIPTORS], 81))


def test_compositions_are_compared_by_the_atoms_that_they_have_in_common() -> None:
    compositions = [read_composition(text).composition for text in ("Fe3Ni", "FeNi", "Al")]
    counts = CompositionBlocks(shipped_compositional(), shipped_pair_cells())(compositions)[COUNTS]
    np.testing.assert_allclose(counts.sum(axis=1), 100.0)
    np.testing.assert_allclose(shares_in_common(counts, counts)[0], [1.0, 0.75 / 1.25, 0.0], atol=1e-6)


def test_a_forest_on_another_block_is_restored_with_it() -> None:
    compositions = [read_composition(f"Fe{100 - n}Ni{n}").composition for n in range(1, 21)]
    blocks = CompositionBlocks(shipped_compositional(), shipped_pair_cells())(compositions)
    rows = cast("TransferInputs", Rows(blocks, tuple(one.key for one in compositions)))
    fitted = DescriptorForest(n_trees=10, blocks=(FRACTIONS,)).fit(rows, np.arange(20.0), 0)
    state = fitted.state()
    assert state.settings["split_on"] == [FRACTIONS]
    np.testing.assert_array_equal(restore(state).predict(rows).values, fitted.predict(rows).values)
    assert "split_on" not in DescriptorForest(n_trees=2).fit(rows, np.arange(20.0), 0).state().settings


def test_blocks_of_polymers_do_not_depend_on_the_cut() -> None:
    polymers = [read_polymer(text).polymer for text in ("*OCC*", "*CCOCCO*")]
    for name, block in MolecularBlocks(shipped_molecular())(polymers).items():
        np.testing.assert_allclose(block[0], block[1], atol=1e-4, err_msg=name)


def test_molecules_and_polymers_are_not_mixed() -> None:
    mixed = [read_molecule("CCO").molecule, read_polymer("*OCC*").polymer]
    with pytest.raises(ValueError, match="1 molecules and 1 polymers"):
        MolecularBlocks(shipped_molecular())(mixed)  # type: ignore[arg-type]  # what is refused


def test_blocks_of_compositions_are_finite_and_of_one_length() -> None:
    compositions = [read_composition(text).composition for text in ("Al0.25CoFeNi", "Fe", "NaCl")]
    blocks = CompositionBlocks(shipped_compositional(), shipped_pair_cells())(compositions)
    assert {DESCRIPTORS, FRACTIONS, PAIRS, EMBEDDING, SUBSTRATE} <= set(blocks)
    for name, block in blocks.items():
        assert block.shape[0] == 3, name
        assert np.isfinite(block).all(), name


def test_pairs_of_elements_are_what_the_crystal_substrate_says_of_their_cells() -> None:
    cells, crystals = shipped_pair_cells(), shipped_crystal()
    assert cells.substrate == crystals.artifact.label
    cell = PROTOTYPES[2].cell(11, 17, crystals.artifact.geometry.atomic_volumes)
    graph = crystals.featurize(cell)
    heads = crystals.foretell([cell], [graph], crystals.embed([graph]))[0]
    width = cells.width // len(PROTOTYPES)
    row = int(np.flatnonzero((cells.pairs == [11, 17]).all(axis=1))[0])
    stored = cells.features[row, 3 * width - len(heads) : 3 * width].astype(np.float64)
    np.testing.assert_allclose(stored, heads, atol=5e-3)


def test_a_composition_is_the_mean_over_its_pairs() -> None:
    cells = shipped_pair_cells()
    one, two, both = cells.block([read_composition(text).composition for text in ("Fe", "Ni", "FeNi")])
    row = int(np.flatnonzero((cells.pairs == [26, 28]).all(axis=1))[0])
    expected = 0.25 * one + 0.25 * two + 0.5 * cells.features[row].astype(np.float64)
    np.testing.assert_allclose(both, expected, atol=1e-6)


def test_an_element_without_cells_and_a_damaged_table_are_refused(tmp_path: Any) -> None:
    with pytest.raises(UnsupportedElementError, match="knows no Po"):
        shipped_pair_cells().block([read_composition("PoFe").composition])
    (tmp_path / "pair-cells.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="holds no pair cells"):
        PairCells.load(tmp_path / "pair-cells.safetensors")
    assert pretrained_folder("substrate-composition").is_dir()
