import csv
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from epitaxy_models.data.label_plan import LabelChoices, plan_labels
from epitaxy_models.data.provenance import METADATA_KEY, Origin, Provenance
from epitaxy_models.data.source_row import SourceColumns
from epitaxy_models.data.units import suffix_of, suffix_of_unit
from epitaxy_models.errors import ConfigurationError

ConvertPath = Callable[..., tuple[list[dict[str, Any]], Provenance]]


def test_a_label_without_a_unit_names_the_option() -> None:
    columns = SourceColumns(("gap", "energy_eV_atom"))
    with pytest.raises(ConfigurationError, match="--unit gap=SUFFIX"):
        plan_labels(columns, LabelChoices())
    plan = plan_labels(columns, LabelChoices(units={"gap": "eV"}))
    assert plan.labels == {"gap": "gap_eV", "energy_eV_atom": "energy_eV_atom"}


def test_columns_can_be_renamed_and_left_out() -> None:
    columns = SourceColumns(("e_form", "gap pbe", "nsites"), ("note",))
    choices = LabelChoices({"e_form": "eV/atom", "gap pbe": "eV"}, {"e_form": "formation_energy"}, ("note",))
    plan = plan_labels(columns, choices)
    assert plan.labels == {"e_form": "formation_energy_eV_atom", "gap pbe": "gap_pbe_eV"}
    assert plan.dropped == ("nsites", "note")


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (LabelChoices(units={"gap": "furlong"}), "'furlong' for column 'gap' is not a known unit suffix"),
        (LabelChoices(units={"gpa": "eV"}), "there is no column 'gpa'; there are e, gap"),
        (LabelChoices(units={"gap": "eV", "e": "eV"}, names={"e": "gap"}), "would both be called gap_eV"),
    ],
)
def test_contradictory_choices_are_refused(choices: LabelChoices, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        plan_labels(SourceColumns(("gap", "e")), choices)


def test_suffixes_are_whole_and_the_longest() -> None:
    assert suffix_of("exfoliation_energy_meV_atom") == "meV_atom"
    assert suffix_of("formation_energy_mp2018_eV_atom") == "eV_atom"
    assert suffix_of("peak_cm1") == "cm1"
    assert suffix_of("gapeV") is None
    assert suffix_of_unit("eV / atom") == "eV_atom"
    assert suffix_of_unit("parsec") is None


def test_refused_rows_are_counted_by_reason_and_listed(
    columns: dict[str, Any], write_lines: Callable[..., Path], convert_path: ConvertPath, tmp_path: Path
) -> None:
    overlapping = columns["kcl"] | {"frac": [[0, 0, 0], [0, 0, 0.06]]}
    records = [
        {"id": "good", "structure": columns["nacl"], "gap_eV": 1.5, "formula": "NaCl"},
        {"id": "good", "structure": columns["kcl"], "gap_eV": 1.0},
        {"id": "infinite", "structure": columns["nacl"], "gap_eV": math.inf},
        {"id": "nan", "structure": columns["licl"], "gap_eV": math.nan},
        {"id": "text", "structure": columns["licl"], "gap_eV": "wide"},
        {"id": "overlap", "structure": overlapping, "gap_eV": 1.0},
        {"id": "none", "structure": None, "gap_eV": 1.0},
        {"id": "torn", "structure": '{"lattice": [[', "gap_eV": 1.0},
        {"id": "swapped", "structure": columns["nacl"], "gap_eV": 1.0, "formula": "KCl"},
    ]
    rows, provenance = convert_path(write_lines(records), units={"gap_eV": "eV"})
    assert [row["id"] for row in rows] == ["good", "nan"]
    assert [row["gap_eV"] for row in rows] == [1.5, None]
    assert provenance.refused == {
        "DUPLICATE_ID": 1,
        "EMPTY_STRUCTURE": 1,
        "FORMULA_MISMATCH": 1,
        "INFINITE_LABEL": 1,
        "LABEL_NOT_A_NUMBER": 1,
        "OVERLAPPING_ATOMS": 1,
        "UNREADABLE": 1,
    }
    assert provenance.n_read == 9
    assert provenance.n_null == {"gap_eV": 1}
    with (tmp_path / "out.parquet.refused.csv").open() as file:
        listed = list(csv.DictReader(file))
    assert [row["id"] for row in listed] == ["good", "infinite", "text", "overlap", "none", "torn", "swapped"]
    assert "labels must be finite" in listed[1]["message"]


def test_a_clean_run_removes_the_refused_rows_of_an_earlier_one(
    columns: dict[str, Any], write_lines: Callable[..., Path], convert_path: ConvertPath, tmp_path: Path
) -> None:
    (tmp_path / "out.parquet.refused.csv").write_text("of an earlier run")
    convert_path(write_lines([{"structure": columns["nacl"]}]))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.parquet", "rows.jsonl"]


def test_nothing_kept_leaves_the_earlier_table_and_says_why(
    columns: dict[str, Any], write_lines: Callable[..., Path], convert_path: ConvertPath, tmp_path: Path
) -> None:
    (tmp_path / "out.parquet").write_text("earlier")
    with pytest.raises(ConfigurationError, match=r"all 2 rows were refused \(2 EMPTY_STRUCTURE\)"):
        convert_path(write_lines([{"structure": None}, {"structure": ""}]))
    assert (tmp_path / "out.parquet").read_text() == "earlier"
    assert len((tmp_path / "out.parquet.refused.csv").read_text().splitlines()) == 3
    assert not list(tmp_path.glob(".*partial"))


def test_rows_without_ids_are_numbered(
    columns: dict[str, Any], write_lines: Callable[..., Path], convert_path: ConvertPath
) -> None:
    rows, _ = convert_path(write_lines([{"structure": columns["nacl"]}, {"structure": columns["kcl"]}]))
    assert [row["id"] for row in rows] == ["row-1", "row-2"]


def test_counts_that_do_not_add_up_cannot_be_recorded() -> None:
    origin = Origin("csv", "a.csv", "2026-01-01")
    with pytest.raises(ConfigurationError, match="10 rows read are not 8 kept and 1 refused"):
        Provenance(origin, 10, 8, {"UNREADABLE": 1})


def test_a_damaged_record_is_refused() -> None:
    origin = Origin("csv", "a.csv", "2026-01-01")
    metadata = Provenance(origin, 2, 2).to_metadata()
    assert Provenance.from_metadata(metadata) == Provenance(origin, 2, 2)
    document = json.loads(metadata[METADATA_KEY]) | {"n_read": 3}
    with pytest.raises(ConfigurationError, match="3 rows read are not 2 kept"):
        Provenance.from_metadata({METADATA_KEY: json.dumps(document).encode()})
    with pytest.raises(ConfigurationError, match="provenance record is damaged"):
        Provenance.from_metadata({METADATA_KEY: b"{"})


def test_label_columns_are_floats_even_when_all_are_null(
    columns: dict[str, Any], write_lines: Callable[..., Path], convert_path: ConvertPath, tmp_path: Path
) -> None:
    convert_path(write_lines([{"structure": columns["nacl"], "gap": None}]), units={"gap": "eV"})
    assert pq.read_schema(tmp_path / "out.parquet").field("gap_eV").type == pa.float64()
