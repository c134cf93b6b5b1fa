import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.api.common.v1.structure_pb2 import PackedStructures, StructureInput
from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.chassis.structure_ids import count_structures, structure_ids


def block(count, block_id="b", ids=()):
    packed = PackedStructures(ids=ids, n_sites=struct.pack(f"<{count}I", *range(count)))
    return StructureInput(id=block_id, packed=packed)


def test_packed_structures_without_ids_are_numbered_after_their_block():
    structures = [StructureInput(id="a", cif="x"), block(2), block(2, ids=("p", "q")), StructureInput(id="z")]
    assert structure_ids(structures) == ["a", "b/0", "b/1", "p", "q", "z"]
    assert count_structures(structures) == 6


@given(st.lists(st.one_of(st.none(), st.integers(0, 20)), max_size=8))
def test_there_is_one_id_for_each_counted_structure(counts):
    structures = [StructureInput(id="s") if count is None else block(count) for count in counts]
    assert len(structure_ids(structures)) == count_structures(structures)


def test_torn_counts_and_missing_ids_name_their_field():
    torn = StructureInput(packed=PackedStructures(n_sites=b"\0\0\0\0\0"))
    with pytest.raises(InvalidRequestError, match=r"structures\[1\]\.packed\.n_sites: is not a whole number"):
        count_structures([block(1), torn])
    with pytest.raises(InvalidRequestError, match=r"structures\[0\]\.packed\.ids: has 1 ids for 2 structures"):
        structure_ids([block(2, ids=("p",))])
