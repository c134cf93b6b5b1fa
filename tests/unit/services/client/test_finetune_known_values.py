import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from epitaxy.client import AsyncClient, Client, ItemError
from epitaxy.client.inputs.source import open_inputs
from epitaxy.client.screening.chunks import Parcel

CRYSTAL = {"lattice": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], "species": [11, 17], "frac": [[0, 0, 0], [0.5, 0.5, 0.5]]}


def sent(inputs: Any, known: Any) -> dict[str, dict[str, float]]:
    """Known values on the wire, by id."""
    found: dict[str, dict[str, float]] = {}
    for message in Parcel.of(list(open_inputs(inputs, known).items)).structures:
        if message.WhichOneof("source") != "packed":
            found[message.id] = dict(message.known_values)
            continue
        columns = {one.name: np.frombuffer(one.values, dtype="<f8") for one in message.packed.known_values}
        for row, item_id in enumerate(message.packed.ids):
            found[item_id] = {name: float(values[row]) for name, values in columns.items()}
    return found


@pytest.mark.parametrize("name", ["t.parquet", "t.jsonl"])
def test_columns_of_a_table_go_with_its_structures(tmp_path: Path, name: str) -> None:
    rows = [{"id": f"c{row}", "structure": json.dumps(CRYSTAL), "gap_pbe": row / 2, "x": 1.0} for row in range(3)]
    rows[1]["gap_pbe"] = None
    if name == "t.parquet":
        pd.DataFrame(rows).to_parquet(tmp_path / name)
    else:
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = sent(tmp_path / name, ["gap_pbe"])
    assert found["c0"] == {"gap_pbe": 0.0}
    assert np.isnan(found["c1"]["gap_pbe"])
    assert found["c2"] == {"gap_pbe": 1.0}
    assert sent(tmp_path / name, ()) == {"c0": {}, "c1": {}, "c2": {}}


def test_values_in_the_order_of_the_structures_go_with_arrays_and_texts() -> None:
    pymatgen = json.dumps({"lattice": {}, "sites": []})
    inputs = [("a", CRYSTAL), ("b", CRYSTAL), ("c", json.loads(pymatgen)), ("d", CRYSTAL | {"sites": []})]
    found = sent(inputs, {"gap_pbe": [1.0, float("nan"), 3.0, None]})
    assert found["a"] == {"gap_pbe": 1.0}
    assert np.isnan(found["b"]["gap_pbe"])
    assert (found["c"], found["d"]) == ({"gap_pbe": 3.0}, {})


def refusal(item: Any) -> ItemError:
    assert isinstance(item.source, ItemError)
    return item.source


def test_what_is_no_number_and_what_is_missing_is_refused_row_by_row(tmp_path: Path) -> None:
    rows = [{"structure": json.dumps(CRYSTAL), "gap": gap} for gap in ("1.5", "wide")]
    pd.DataFrame(rows).to_parquet(tmp_path / "t.parquet")
    good, bad = open_inputs(tmp_path, ["gap"]).items
    assert good.source.known_values == (("gap", 1.5),)  # type: ignore[union-attr]
    assert refusal(bad).reason == "INVALID_KNOWN_VALUE"
    assert "gap holds 'wide'" in refusal(bad).message
    (whole,) = open_inputs(tmp_path, ["gap", "gaps"]).items
    assert refusal(whole).reason == "NO_KNOWN_COLUMN"
    assert "no column 'gaps', only structure, gap" in refusal(whole).message
    _, short = open_inputs([CRYSTAL, CRYSTAL], {"gap": [1.0]}).items
    assert refusal(short).reason == "MISSING_KNOWN_VALUE"


async def test_both_clients_send_them_with_screen_and_predict(small_server: ModuleType, faults: Any) -> None:
    known = {"gap_pbe": [1.0, float("inf")]}
    inputs = [("a", CRYSTAL), ("b", CRYSTAL)]
    with small_server.serving_in_thread(faults) as target, Client(target) as client:
        outcomes = [[one.outcome for one in client.predict(inputs, known=known)]]
        outcomes.append([one.outcome for one in sorted(client.screen(inputs, known=known), key=lambda one: one.index)])
        async with AsyncClient(target) as other:
            outcomes.append([one.outcome for one in await other.predict(inputs, known=known)])
            outcomes.append(sorted([one.outcome async for one in other.screen(inputs, known=known)]))
    assert outcomes == [["answered", "refused"]] * 4
