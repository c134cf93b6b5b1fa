"""Label tables in one file: structures keep the form in which they came."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from epitaxy.api.common.v1.structure_pb2 import PackedStructures, StructureInput
from epitaxy.api.finetune.v1 import finetune_pb2
from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.finetune.domain.label_table import COLUMN_JSON, LabelTable, StructureText
from epitaxy.finetune.messages import source_of
from epitaxy.finetune.store.label_file import decode_labels, encode_labels
from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.structures import Structure, pack_structures, structure_to_column


@st.composite
def structures(draw):
    """Any arrays: what is wrong with them is found when they are read."""
    coords = draw(hnp.arrays(np.float64, st.tuples(st.integers(0, 5), st.just(3)), elements=st.floats(width=64)))
    lattice = draw(hnp.arrays(np.float64, (3, 3), elements=st.floats(width=64)))
    return Structure(lattice, draw(hnp.arrays(np.uint8, len(coords))), coords)


def test_conditions_come_back_as_they_were():
    conditions = {"t": np.array([300.0, np.nan]), "route": np.array(["flux", None], dtype=object)}
    cells = [StructureText("cif", "data_")] * 2
    read = decode_labels(encode_labels(LabelTable(["a", "b"], cells, {"tc_k": np.zeros(2)}, conditions)))
    np.testing.assert_array_equal(read.conditions["t"], conditions["t"])
    assert read.conditions["route"].tolist() == ["flux", None]
    plain = LabelTable(["a", "b"], cells, {"tc_k": np.zeros(2)})
    assert b"epitaxy.conditions" not in encode_labels(plain)
    assert decode_labels(encode_labels(plain)).conditions == {}


TEXTS = st.builds(
    StructureText, st.sampled_from(["cif", COLUMN_JSON]), st.text(st.characters(exclude_categories=["Cs"]))
)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.one_of(structures(), TEXTS), max_size=6))
def test_every_structure_comes_back_in_the_form_in_which_it_came(cells):
    ids = [str(row) for row in range(len(cells))]
    table = LabelTable(ids, cells, {"tc_k": np.arange(len(cells), dtype=np.float64), "": np.full(len(cells), np.nan)})
    read = decode_labels(encode_labels(table))
    assert list(read.ids) == ids
    for name, values in table.values.items():
        np.testing.assert_array_equal(read.values[name], values)
    for sent, found in zip(cells, read.cells, strict=True):
        if isinstance(sent, Structure):
            assert found.content_digest() == sent.content_digest()
        else:
            assert found == sent


@pytest.fixture(scope="module")
def crystals():
    return [crystal.structure for crystal in bundled_crystals() if crystal.structure.n_sites <= 8][:20]


def request_of(crystals, **changes):
    packed = PackedStructures(**(pack_structures(crystals)._asdict() | changes))
    labels = finetune_pb2.InlineLabels(
        structures=[StructureInput(packed=packed), StructureInput(id="salt", cif="data_salt")],
        columns=[finetune_pb2.LabelValues(column="tc_k", values=np.arange(len(crystals) + 1.0))],
    )
    return finetune_pb2.CreateFineTuneJobRequest(inline=labels)


def test_packed_arrays_of_a_request_reach_the_worker_without_becoming_texts(crystals):
    table = decode_labels(encode_labels(source_of(request_of(crystals))))
    assert [type(cell) for cell in table.cells] == [*[Structure] * len(crystals), StructureText]
    digests = [structure.content_digest() for structure in crystals]
    assert [cell.content_digest() for cell in table.cells[:-1]] == digests
    # As they were read when they went through JSON texts.
    texts = [StructureText(COLUMN_JSON, structure_to_column(structure)) for structure in crystals]
    as_texts = LabelTable(table.ids[:-1], texts, {}).read_structures()
    for (_, packed), (_, text) in zip(table.read_structures(), as_texts, strict=False):
        assert packed.content_digest() == text.content_digest()


def test_torn_arrays_are_refused_before_a_job_is_made(crystals):
    with pytest.raises(InvalidRequestError, match=r"inline\.structures\[0\]\.packed: frac_coords has 23 bytes"):
        source_of(request_of(crystals, frac_coords=b"\0" * 23))
