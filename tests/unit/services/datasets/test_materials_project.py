"""The batches and the resumption of a Materials Project download; the service itself needs a key and a network."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from pymatgen.core import Lattice
from pymatgen.core import Structure as PymatgenStructure

from epitaxy.datasets.errors import FetchError, FetchUsageError
from epitaxy.datasets.materials_project import MaterialsProjectQuery, fetch_materials_project, open_session
from epitaxy.datasets.pacing import Pacer
from epitaxy_models.errors import ConfigurationError


class Summary:
    """Answers as mp-api's summary endpoint without document models; ``fails_at`` names a batch that is down."""

    def __init__(self, fails_at: str = "", missing: str = "") -> None:
        self.asked: list[Any] = []
        self._fails_at = fails_at
        self._missing = missing

    def search(self, *, fields: list[str], all_fields: bool, **criteria: Any) -> list[dict[str, Any]]:
        assert not all_fields
        self.asked.append(criteria)
        if fields == ["material_id"]:
            return [{"material_id": f"mp-{number}"} for number in (3, 1, 2, 5, 4)]
        ids = criteria["material_ids"]
        if self._fails_at in ids:
            raise RuntimeError("REST query returned with error status code 401")
        return [document(one) for one in reversed(ids) if one != self._missing]


def document(material_id: str) -> dict[str, Any]:
    lattice = Lattice.cubic(4 + int(material_id[3:]) / 10)
    structure = PymatgenStructure(lattice, ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    gap = np.float64(1.5) if material_id != "mp-2" else None
    return {"material_id": material_id, "structure": structure, "formation_energy_per_atom": -2.0, "band_gap": gap}


def session_of(summary: Summary) -> Any:
    @contextmanager
    def session() -> Iterator[Any]:
        yield type("Rester", (), {"materials": type("Materials", (), {"summary": summary})})

    return session


QUERY = MaterialsProjectQuery({"num_elements": 2}, ("formation_energy_per_atom", "band_gap"), page_limit=2)


def test_documents_come_in_batches_with_their_units(tmp_path: Path) -> None:
    summary = Summary()
    provenance = fetch_materials_project(QUERY, tmp_path / "a.parquet", Pacer(1e6), session_of(summary))
    rows = pq.read_table(tmp_path / "a.parquet").to_pylist()
    assert [row["id"] for row in rows] == ["mp-1", "mp-2", "mp-3", "mp-4", "mp-5"]
    assert [row["band_gap_eV"] for row in rows] == [1.5, None, 1.5, 1.5, 1.5]
    assert rows[0]["formation_energy_per_atom_eV_atom"] == -2.0
    assert summary.asked[0] == {"num_elements": 2}
    assert [len(criteria["material_ids"]) for criteria in summary.asked[1:]] == [2, 2, 1]
    assert (provenance.n_read, provenance.n_kept) == (5, 5)
    assert provenance.origin.licence == "CC-BY-4.0"
    assert not list(tmp_path.glob("*.jsonl"))


def test_a_failed_batch_keeps_the_others_and_resumes(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"the Materials Project answered: REST query returned .* 401"):
        fetch_materials_project(QUERY, tmp_path / "a.parquet", Pacer(1e6), session_of(Summary(fails_at="mp-4")))
    again = Summary()
    provenance = fetch_materials_project(QUERY, tmp_path / "a.parquet", Pacer(1e6), session_of(again))
    assert [criteria["material_ids"] for criteria in again.asked] == [["mp-3", "mp-4"], ["mp-5"]]
    assert provenance.n_kept == 5


def test_an_id_without_a_document_is_refused_not_lost(tmp_path: Path) -> None:
    session = session_of(Summary(missing="mp-3"))
    provenance = fetch_materials_project(QUERY, tmp_path / "a.parquet", Pacer(1e6), session)
    assert (provenance.n_read, provenance.refused) == (5, {"EMPTY_STRUCTURE": 1})


def test_a_field_without_a_unit_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    summary = Summary()
    query = MaterialsProjectQuery(fields=("total_magnetization",))
    with pytest.raises(ConfigurationError, match="--unit total_magnetization=SUFFIX"):
        fetch_materials_project(query, tmp_path / "a.parquet", Pacer(1e6), session_of(summary))
    assert summary.asked == []


def test_the_package_and_the_key_are_asked_for_clearly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mp_api.client", None)
    with pytest.raises(FetchUsageError, match=r"pip install 'epitaxy\[materials-project\]'"):
        open_session("key")
    monkeypatch.setitem(sys.modules, "mp_api.client", type(sys)("mp_api.client"))
    with pytest.raises(FetchUsageError, match="set MP_API_KEY"):
        open_session(None)
