"""Structures in JSON read alike with and without the fast parser."""

import json
import math

import numpy as np
import pytest

from epitaxy.client.inputs import json_text
from epitaxy.client.inputs.json_text import load_json
from epitaxy.client.inputs.records import atomic_numbers

DOCUMENTS = [
    '{"lattice": [[1.5, 0, 0]], "species": [11, 17], "name": "\\u00e9"}',
    "[1e-3, -0.0, 1234567890123]",
    "[]",
]


@pytest.fixture(params=["fast", "plain"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "plain":
        monkeypatch.setattr(json_text, "orjson", None)


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("text", DOCUMENTS)
def test_a_document_reads_as_the_standard_library_reads_it(text: str) -> None:
    assert load_json(text) == load_json(text.encode()) == json.loads(text)


@pytest.mark.usefixtures("parser")
def test_what_is_no_number_is_left_to_the_server() -> None:
    assert math.isnan(load_json('{"a": NaN}')["a"])
    assert load_json("-Infinity") == -math.inf


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("text", ["{", "", b"\xff\xfe\xff"])
def test_what_is_no_json_is_an_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"Expecting|codec|decode"):
        load_json(text)


@pytest.mark.parametrize("species", [[11, 17], (11, 17), np.array([11, 17]), [np.int64(11), 17.0], ["Na", "Cl"]])
def test_elements_read_alike_in_every_form(species: object) -> None:
    numbers = atomic_numbers(species)
    assert numbers.dtype == np.uint8
    assert numbers.tolist() == [11, 17]


@pytest.mark.parametrize("species", [[0, 1], [119], [300], [-1], ["Xx"], [1.5]])
def test_what_names_no_element_is_an_error(species: list[object]) -> None:
    with pytest.raises(KeyError):
        atomic_numbers(species)


def test_no_sites_are_no_numbers() -> None:
    assert atomic_numbers([]).tolist() == []
