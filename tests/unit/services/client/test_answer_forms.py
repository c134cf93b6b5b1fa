"""A screening asks for columns, takes whatever form comes, and reads Parquet a column at a time."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from epitaxy.client import AsyncClient, Client
from epitaxy.client.errors import InvalidRequestError
from epitaxy.client.inputs.blocks import CellBlock, InputBlock
from epitaxy.client.inputs.inventory import Inventory
from epitaxy.client.inputs.item import Cell, InputItem
from epitaxy.client.inputs.reading_log import ReadingLog
from epitaxy.client.screening.chunks import Chunker

IDS = [*(f"c{index}" for index in range(30)), "bad1", "flaky1", "c3", "lost1"]


def crystal(index: int, species: Any = (11, 17)) -> dict[str, Any]:
    edge = 3 + index / 1000
    lattice = [[edge, 0, 0], [0, edge, 0], [0.1, 0, edge]]
    return {"lattice": lattice, "species": list(species), "frac": [[0, 0, 0], [0.5, 0.5, 0.5]]}


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries of single items, which are not the subject here, wait for no time worth mentioning."""
    monkeypatch.setattr("epitaxy.client.screening.exchange._ITEM_RETRY_SECONDS", 0.001)


@pytest.fixture
def crystals() -> list[tuple[str, dict[str, Any]]]:
    return [(item_id, crystal(index)) for index, item_id in enumerate(IDS)]


@pytest.fixture(params=[True, False], ids=["columns", "items"])
def faults(small_server: ModuleType, request: pytest.FixtureRequest) -> Any:
    """A server of this release, and one of a release before that knows no columns."""
    return small_server.Faults(knows_columns=request.param)


@pytest.fixture
def client(small_server: ModuleType, faults: Any) -> Any:
    with small_server.serving_in_thread(faults) as target, Client(target) as client:
        yield client


def test_columns_tables_and_objects_of_a_run_say_the_same(
    client: Client, small_server: ModuleType, crystals: Any
) -> None:
    results = sorted(client.screen(crystals, chunk_size=8), key=lambda result: result.index)
    assert [result.id for result in results] == IDS
    assert [result.outcome for result in results[-4:]] == ["refused", "answered", "answered", "failed"]
    run = client.screen(crystals, chunk_size=8)
    blocks = list(run.columns())
    assert sum(map(len, blocks)) == len(IDS)
    assert sorted((one for block in blocks for one in block.results()), key=lambda one: one.index) == results
    gaps = {
        name: value
        for block in blocks
        for name, value, is_there in zip(
            block.ids, block["band_gap"].values.tolist(), block["band_gap"].has_value.tolist(), strict=True
        )
        if is_there and name != "c3"
    }
    assert gaps == {
        result.id: result["band_gap"].value for result in results if result.error is None and result.id != "c3"
    }
    assert (run.summary.answered, run.summary.refused, run.summary.failed) == (32, 1, 1)
    frame = client.screen(crystals, chunk_size=8).to_pandas()
    table = client.screen(crystals, chunk_size=8).to_arrow()
    assert table.column_names == list(frame.columns)
    assert table["id"].to_pylist() == frame["id"].tolist()
    assert [row for row in table["value"].to_pylist() if row is not None] == frame["value"].dropna().tolist()
    with pytest.raises(InvalidRequestError, match=r"columns\(\), not both"):
        list(run.columns())


async def test_the_client_for_asyncio_yields_columns_too(small_server: ModuleType, crystals: Any) -> None:
    async with small_server.serving(small_server.Faults()) as target, AsyncClient(target) as client:
        blocks = [block async for block in client.screen(crystals, chunk_size=8).columns()]
        table = await client.screen(crystals).to_arrow()
    assert sum(map(len, blocks)) == len(IDS)
    assert table.num_rows == 2 * 32 + 2


def parquet(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table({"id": IDS, **columns}), path, row_group_size=20)
    return path


def tables(folder: Path) -> dict[str, Path]:
    """The same crystals in every form that is read a column at a time."""
    cells = [crystal(index) for index in range(len(IDS))]
    lists = {name: [cell[name] for cell in cells] for name in ("lattice", "species", "frac")}
    fixed = pa.array(lists["frac"], pa.list_(pa.list_(pa.float64(), 3)))
    large = pa.large_list(pa.large_list(pa.float64()))
    named = [crystal(index, ("Na", "Cl")) for index in range(len(IDS))]
    return {
        "JSON": parquet(folder / "json.parquet", structure=[json.dumps(cell) for cell in cells]),
        "JSON with symbols": parquet(folder / "named.parquet", structure=[json.dumps(cell) for cell in named]),
        "a struct": parquet(folder / "struct.parquet", structure=cells),
        "three columns": parquet(
            folder / "plain.parquet", lattice=lists["lattice"], atomic_numbers=lists["species"], frac_coords=fixed
        ),
        "three columns as polars writes them": parquet(
            folder / "large.parquet",
            lattice=pa.array(lists["lattice"], large),
            species=pa.array(lists["species"], pa.large_list(pa.int64())),
            frac=pa.array(lists["frac"], large),
        ),
    }


def test_parquet_goes_into_packed_blocks_and_is_answered_like_objects(
    client: Client, crystals: Any, tmp_path: Path
) -> None:
    whole = client.screen(crystals, chunk_size=8).to_arrow()
    for name, path in tables(tmp_path).items():
        assert client.screen(path, chunk_size=8).to_arrow().equals(whole), name


def odd(folder: Path) -> Path:
    """Rows that only the reader of rows understands, each in a batch of crystals that are plain."""
    cells: list[Any] = [crystal(index) for index in range(len(IDS))]
    texts: list[Any] = [json.dumps(cell) for cell in cells]
    texts[3] = json.dumps(crystal(3, ("D", "Cl")))
    texts[4] = None
    texts[5] = json.dumps({**cells[5], "charge": 1})
    texts[6] = json.dumps({**cells[6], "lattice": [[1, 2], [3, 4]]})
    texts[7] = "data_x\n_cell_length_a 1\n"
    texts[8] = json.dumps({**cells[8], "frac": [[0, 0, 0]]})
    texts[9] = json.dumps({**cells[9], "species": [11, 300]})
    texts[10] = texts[10].replace("0.5", "NaN")
    texts[11] = json.dumps(cells[11], indent=1)
    return parquet(folder / "odd.parquet", structure=texts)


def test_what_is_not_plain_arrays_is_read_by_rows_and_alike(tmp_path: Path) -> None:
    for path in [*tables(tmp_path).values(), odd(tmp_path)]:
        inventory, found = Inventory.of([path]), []
        for part in inventory.read_blocks(ReadingLog()):
            is_block = isinstance(part, CellBlock)
            assert is_block or path.name == "odd.parquet"
            found += [(name, part.cell(row)) for row, name in enumerate(part.ids)] if is_block else [part]
        rows = list(inventory.read())
        assert [name for name, _ in found] == [name for name, _ in rows] == IDS
        for (_, source), (_, expected) in zip(found, rows, strict=True):
            if not isinstance(expected, Cell):
                assert source == expected
                continue
            for name in ("lattice", "atomic_numbers", "frac_coords"):
                np.testing.assert_array_equal(getattr(source, name), getattr(expected, name))
                assert getattr(source, name).dtype == getattr(expected, name).dtype


def test_blocks_are_cut_by_rows_and_bytes_and_keep_their_places(tmp_path: Path) -> None:
    sites = [1, 60_000, 60_000, 2, 3]
    ends = np.cumsum(sites)
    numbers, coords = np.arange(ends[-1]).astype(np.uint8), np.arange(3.0 * ends[-1]).reshape(-1, 3)
    cells = CellBlock(list("abcde"), ends, np.arange(45.0).reshape(5, 9), numbers, coords)
    single = InputItem("f", 5, cells.cell(4))
    chunker = Chunker(iter([InputBlock(cells, 0), single]), 3)
    drawn = []
    while not chunker.is_exhausted:
        chunk = chunker.draw()
        if (parcel := chunk.parcel()) is not None:
            drawn.append(parcel)
    assert [list(parcel.ids) for parcel in drawn] == [["a", "b"], ["c", "d", "e"], ["f"]]
    assert [parcel.indices.tolist() for parcel in drawn] == [[0, 1], [2, 3, 4], [5]]
    items = [item for parcel in drawn for item in parcel.items()]
    for row, item in enumerate(items[:5]):
        own = cells.cell(row)
        for name in ("lattice", "atomic_numbers", "frac_coords"):
            np.testing.assert_array_equal(getattr(item.source, name), getattr(own, name))
