"""Values of a data block, quotes removed, wherever its tags stand."""

import pytest

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.cif_block import CifBlock, split_blocks
from epitaxy_models.structures.cif_crystal import cif_number
from epitaxy_models.structures.intake import DEFAULT_LIMITS


def block_of(body: str) -> CifBlock:
    blocks, _ = split_blocks(f"data_x\n{body}\n", DEFAULT_LIMITS)
    return blocks[0]


def test_quotes_are_removed_in_loops_and_outside() -> None:
    block = block_of("_a 'x y'\nloop_\n_b\n_c\n1 'P 1'\n2 \"q\"\nloop_\n_d\n3\n4")
    assert block.column("_a") == ["x y"]
    assert block.column("_b") == ["1", "2"]
    assert block.column("_c") == ["P 1", "q"]
    assert block.column("_nothing", "_d") == ["3", "4"]
    assert block.raw_values("_c") == ["'P 1'", '"q"']
    assert block.column("_nothing") == []


def test_blocks_of_the_same_tags_have_their_own_values() -> None:
    """Places are remembered with the tags: a loop of two tags is not two loops of one."""
    one, two = block_of("loop_\n_e\n_f\n1 2\n3 4"), block_of("loop_\n_e\n1\n3\nloop_\n_f\n2\n4\n5")
    assert (one.column("_e"), one.column("_f")) == (["1", "3"], ["2", "4"])
    assert (two.column("_e"), two.column("_f")) == (["1", "3"], ["2", "4", "5"])
    alone = block_of("_e 7\n_f 8")
    assert (alone.column("_e"), alone.column("_f")) == (["7"], ["8"])


@pytest.mark.parametrize(
    ("text", "value"), [("5.640(1)", 5.64), ("-0.5", -0.5), (".25", 0.25), ("1e1", 10.0), ("+1", 1.0), ("0.5()", 0.5)]
)
def test_numbers_are_read_without_their_uncertainty(text: str, value: float) -> None:
    assert cif_number(text, "it") == value


@pytest.mark.parametrize("text", ["1_000", "word", "?", "", "1.0 2"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidStructureError, match="give a number"):
        cif_number(text, "it")
