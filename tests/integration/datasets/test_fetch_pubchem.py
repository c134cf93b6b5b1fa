"""Downloads of molecules over real HTTP from recorded answers of PUG REST."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from recorded_pubchem import RecordedPubchem, recorded_pubchem

from epitaxy.datasets.errors import FetchError, FetchUsageError
from epitaxy.datasets.pacing import Pacer
from epitaxy.datasets.pubchem_fetch import PubchemQuery, fetch_pubchem
from epitaxy.datasets.pubchem_search import read_search
from epitaxy_models.data.provenance import Provenance

PROPERTIES = ("MolecularWeight", "XLogP")


class Clock:
    """Time that passes only where somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def pacer(self) -> Pacer:
        return Pacer(5.0, lambda: self.now, self.sleep)


@pytest.fixture
def pubchem() -> Iterator[RecordedPubchem]:
    with recorded_pubchem() as recorded:
        yield recorded


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fetch(pubchem: RecordedPubchem, clock: Clock, tmp_path: Path) -> Callable[..., Any]:
    """Downloads a search; rows by id and the provenance."""

    def fetched(text: str, **options: Any) -> tuple[dict[str, dict[str, Any]], Provenance]:
        query = PubchemQuery(read_search(text), PROPERTIES, base_url=pubchem.url, **options)
        provenance = fetch_pubchem(query, tmp_path / "a.parquet", clock.pacer())
        return {row["id"]: row for row in pq.read_table(tmp_path / "a.parquet").to_pylist()}, provenance

    return fetched


def test_names_become_molecules_with_units_and_provenance(fetch: Any, pubchem: RecordedPubchem, tmp_path: Path) -> None:
    rows, provenance = fetch("name=aspirin;ethanol;glucose;table salt;unobtainium")
    assert set(rows) == {"2244", "702", "5793"}, "glucose is the first of the compounds of that name"
    assert rows["2244"]["smiles"] == "CC(=O)Oc1ccccc1C(=O)O"
    assert rows["2244"]["MolecularWeight_g_mol"] == 180.16
    assert rows["702"]["XLogP_dimensionless"] == -0.1
    # Splits keep isomers together: the column formula has no stereochemistry.
    assert rows["5793"]["smiles"] == "OC[C@H]1OC(O)[C@H](O)[C@@H](O)[C@@H]1O"
    assert rows["5793"]["formula"] == "OCC1OC(O)C(O)C(O)C1O"
    assert provenance.refused == {"NOT_IN_PUBCHEM": 1, "SALT": 1}
    assert provenance.n_read == 5
    assert (provenance.origin.provider, provenance.origin.url) == ("PubChem", pubchem.url)
    with (tmp_path / "a.parquet.refused.csv").open() as file:
        assert {row["id"] for row in csv.DictReader(file)} == {"5234", "unobtainium"}
    assert ("POST", "compound/name/cids/JSON", {"name": "table salt"}) in pubchem.asked


def test_ids_are_asked_for_in_chunks(fetch: Any, pubchem: RecordedPubchem) -> None:
    rows, provenance = fetch("cid=2244,702,8254,99", page_limit=3)
    assert set(rows) == {"2244", "702", "8254"}
    assert provenance.refused == {"EMPTY_MOLECULE": 1}, "a compound that does not exist"
    forms = [form["cid"] for _, _, form in pubchem.asked]
    assert forms == ["2244,702,8254", "99"]
    limited, _ = fetch("cid=2244,702,8254,99", max_entries=2)
    assert set(limited) == {"2244", "702"}


@pytest.mark.parametrize("text", ["formula=C2H6O", "substructure=CO", "exact_mass=46.0..46.1"])
def test_a_long_search_is_looked_at_until_it_is_done(
    fetch: Any, pubchem: RecordedPubchem, clock: Clock, text: str
) -> None:
    pubchem.polls = 3
    rows, _ = fetch(text)
    assert set(rows) == {"702", "8254"}
    looks = [path for _, path, _ in pubchem.asked if "listkey" in path]
    assert looks == ["compound/listkey/1234567890/cids/JSON"] * 3
    assert sum(wait >= 1.9 for wait in clock.waits) == 3, "two seconds before each look"


def test_a_busy_server_is_asked_again_later(fetch: Any, pubchem: RecordedPubchem, clock: Clock) -> None:
    pubchem.busy = 3
    rows, _ = fetch("cid=702")
    assert set(rows) == {"702"}
    assert [round(wait) for wait in clock.waits] == [1, 2, 4]
    pubchem.busy = 10
    with pytest.raises(FetchError, match=r"failed 6 times, last with 503: PUGREST.ServerBusy: Too many requests"):
        fetch("cid=8254")


def test_requests_slow_down_before_the_server_refuses(fetch: Any, pubchem: RecordedPubchem, clock: Clock) -> None:
    state = "Request Count status: {} (60%), Request Time status: Green (10%), Service status: {} (80%)"
    pubchem.throttling = [state.format("Yellow", "Green"), state.format("Red", "Red"), state.format("Black", "Red")]
    fetch("name=aspirin;ethanol;glucose")
    assert [round(wait, 1) for wait in clock.waits] == [1.0, 5.0, 60.0]


def test_a_download_that_was_cut_off_goes_on_where_it_was(fetch: Any, pubchem: RecordedPubchem) -> None:
    pubchem.dies_after = 4
    with pytest.raises(FetchError, match=r"400: PUGREST.BadRequest: Out of order"):
        fetch("name=aspirin;ethanol;glucose", page_limit=1)
    pubchem.dies_after = 10**9
    del pubchem.asked[:]
    rows, provenance = fetch("name=aspirin;ethanol;glucose", page_limit=1)
    assert set(rows) == {"2244", "702", "5793"}
    assert [form for _, _, form in pubchem.asked] == [{"cid": "702"}, {"cid": "5793"}], "names were not asked again"
    assert provenance.n_kept == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("aspirin", "'aspirin' states no search of PubChem: give one of cid=2244"),
        ("cid=aspirin", "'aspirin' cannot be a cid"),
        ("exact_mass=46", "'46' cannot be a exact_mass"),
        ("name=@gone.txt", "gone.txt cannot be read as a list"),
    ],
)
def test_a_search_that_cannot_be_is_told_before_any_request(text: str, message: str) -> None:
    with pytest.raises(FetchUsageError, match=message):
        read_search(text)


def test_the_command_fetches_a_list_of_names(run: Callable[..., Any], pubchem: RecordedPubchem, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("# solvents\nethanol\n\naspirin\n")
    options = ("--base-url", pubchem.url, "--max-per-second", "1000", "--field", "XLogP")
    done = run("fetch", "pubchem", "--out", "a.parquet", "--filter", "name=@names.txt", *options)
    assert done.returncode == 0, done.stderr
    assert "label    XLogP_dimensionless: 2 values, 0 null" in done.stderr
    shown = run("inspect", "a.parquet")
    assert "rows        2, 0 with a refused molecule" in shown.stdout
    assert "PubChem" in shown.stdout
    wrong = run("fetch", "pubchem", "--out", "b.parquet", "--filter", "cid=702", "--field", "logp")
    assert (wrong.returncode, "PubChem's table has no numbers called logp" in wrong.stderr) == (2, True)
