"""Repairs and notes on their way to tables and summaries."""

import json
from io import StringIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from epitaxy.api.prediction.v1 import prediction_pb2
from epitaxy.cli.screen.outcome import OutcomeTally
from epitaxy.cli.screen.table_file import write_table
from epitaxy.client.results import ItemError, Note, PropertyPrediction, Repair, ScreenResult
from epitaxy.client.screening.reading import ResultBlockReader
from epitaxy.client.screening.rows import COLUMNS, rows_of, to_frame
from epitaxy.client.screening.summary import RunTally

CHOSEN = Repair("CHOSEN_SYMMETRY", "P 1 and F m -3 m contradict each other; read as F m -3 m")
WRAPPED = Repair("WRAPPED_COORDINATES", "coordinates of 1 site(s) wrapped")
MAGNETIC = Note("DROPPED_MAGNETISM", "magnetic moments were dropped")
PREDICTION = PropertyPrediction(
    "gap",
    1.0,
    "eV",
    0.1,
    0.1,
    0.8,
    1.2,
    0.9,
    "PBE",
    "PBE",
    calibration=None,
    std=0.14,  # type: ignore[arg-type]
)


def answered(index: int, repairs: tuple[Repair, ...] = (), notes: tuple[Note, ...] = ()) -> ScreenResult:
    return ScreenResult(f"c{index}", index, "NaCl", 8, (PREDICTION,), 0.1, "IN_DOMAIN", repairs=repairs, notes=notes)


RESULTS = [
    answered(0),
    answered(1, (CHOSEN, WRAPPED)),
    answered(2, (WRAPPED,), (MAGNETIC,)),
    ScreenResult("c3", 3, error=ItemError("PARTIAL_OCCUPANCY", "half")),
]
CELLS = [
    (None, None),
    (f"CHOSEN_SYMMETRY: {CHOSEN.message}; WRAPPED_COORDINATES: {WRAPPED.message}", None),
    (f"WRAPPED_COORDINATES: {WRAPPED.message}", f"DROPPED_MAGNETISM: {MAGNETIC.message}"),
    (None, None),
]


def test_every_row_has_its_repairs_and_notes() -> None:
    rows = [dict(zip(COLUMNS, row, strict=True)) for result in RESULTS for row in rows_of(result)]
    assert [(row["repairs"], row["notes"]) for row in rows] == CELLS
    frame = to_frame(RESULTS)
    assert frame["repairs"].isna().tolist() == [cell is None for cell, _ in CELLS]


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_every_table_has_the_columns(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"r.{ending}"
    write_table(path, (row for result in RESULTS for row in rows_of(result)))
    if ending == "parquet":
        table = pq.read_table(path).to_pylist()
        assert [(row["repairs"], row["notes"]) for row in table] == CELLS
    elif ending == "jsonl":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        assert [(row["repairs"], row["notes"]) for row in rows] == CELLS
    else:
        head, *lines = path.read_text().splitlines()
        assert head.endswith("repairs,notes")
        assert CELLS[1][0] in lines[1]


def test_summaries_count_structures_by_kind() -> None:
    tally = RunTally()
    for result in RESULTS:
        tally.add(result)
    assert tally.summary.repairs == {"WRAPPED_COORDINATES": 2, "CHOSEN_SYMMETRY": 1}
    assert tally.summary.notes == {"DROPPED_MAGNETISM": 1}


def test_the_command_counts_the_same_from_the_rows_of_its_table() -> None:
    tally, text = OutcomeTally(), StringIO()
    for result in RESULTS:
        tally.see(rows_of(result), is_final=True)
    tally.print(Console(file=text, width=100), 4, 1.0, 1.0)
    printed = text.getvalue()
    for line in ("2 WRAPPED_COORDINATES", "1 CHOSEN_SYMMETRY", "1 DROPPED_MAGNETISM", "see column repairs"):
        assert line in printed


def test_notes_are_read_from_the_wire() -> None:
    block = prediction_pb2.ResultBlock()
    answer = block.results.add(id="a")
    answer.prediction.notes.add(code=MAGNETIC.code, message=MAGNETIC.message)
    answer.prediction.repairs.add(code=CHOSEN.code, message=CHOSEN.message)
    result = ResultBlockReader(block).read(answer, "a", 0)
    assert (result.repairs, result.notes) == ((CHOSEN,), (MAGNETIC,))
