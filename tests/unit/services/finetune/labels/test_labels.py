import json
import os
from dataclasses import replace

import fsspec
import numpy as np
import pandas as pd
import pytest

from epitaxy.chassis.errors import InvalidRequestError, NotFoundError, PermissionDeniedError, QuotaExceededError
from epitaxy.finetune.domain.label_table import LabelFile, LabelTable, StructureText, check_labels
from epitaxy.finetune.domain.spec import LabelCondition
from epitaxy.finetune.labels.source import RootedLabelSource
from epitaxy.finetune.settings import FineTuneSettings
from epitaxy.finetune.store.files import FolderJobFiles
from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures import Structure

ROWS = 12


@pytest.fixture
def folder(tmp_path):
    own = tmp_path / "roots" / "acme"
    own.mkdir(parents=True)
    return own


@pytest.fixture
def source(tmp_path):
    return RootedLabelSource((f"file://{tmp_path}/roots/{{tenant}}/", "memory://labels/{tenant}/"), 10**6)


@pytest.fixture
def frame(crystal_texts):
    return pd.DataFrame(
        {"structure": crystal_texts[:ROWS], "tc_k": np.arange(float(ROWS)), "name": list("abcdefghijkl")}
    )


def read(source, uri, columns=("tc_k",), tenant="acme", id_column="", max_rows=100):
    return source.read(tenant, LabelFile(str(uri), id_column=id_column), columns, max_rows)


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_the_same_table_comes_out_of_every_format(source, folder, frame, suffix):
    path = folder / f"labels.{suffix}"
    if suffix == "parquet":
        frame.to_parquet(path)
    elif suffix == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_json(path, orient="records", lines=True)
    table = read(source, path.as_uri(), id_column="name")
    assert list(table.ids) == list("abcdefghijkl")
    np.testing.assert_array_equal(table.values["tc_k"], np.arange(float(ROWS)))
    assert all(isinstance(structure, Structure) for _, structure in table.read_structures())


def test_an_object_store_is_read_below_the_tenants_own_prefix(source, frame):
    with fsspec.open("memory://labels/acme/a.csv", "w") as file:
        frame.to_csv(file, index=False)
    assert read(source, "memory://labels/acme/a.csv").n_rows == ROWS
    with pytest.raises(PermissionDeniedError, match="put them below"):
        read(source, "memory://labels/acme/a.csv", tenant="globex")


@pytest.mark.parametrize(
    "uri",
    [
        "file:///etc/passwd",
        "{root}/globex/labels.csv",
        "{root}/acme/../globex/labels.csv",
        "{root}/acme/./labels.csv",
        "{root}/acme//labels.csv",
        "{root}/acme/",
        "{root}/acme",
        "{root}/acmeother/labels.csv",
        "s3://bucket/labels.csv",
    ],
)
def test_nothing_beyond_the_tenants_root_is_read(source, tmp_path, uri):
    other = tmp_path / "roots" / "globex"
    other.mkdir(parents=True)
    (other / "labels.csv").write_text("structure,tc_k\n")
    with pytest.raises(PermissionDeniedError, match="labels are not read from there"):
        read(source, uri.format(root=f"file://{tmp_path}/roots"))


@pytest.mark.parametrize(
    "uri",
    [
        "/etc/passwd",
        "simplecache::file:///etc/passwd",
        "file:///a%2e%2e/b.csv",
        "file:///a.csv?x=1",
        "file:///a.csv#x",
        "file://a\\b.csv",
        "file:///a\x00.csv",
        "",
    ],
)
def test_a_uri_with_more_than_a_path_is_refused(source, uri):
    with pytest.raises(InvalidRequestError, match="plain URI"):
        read(source, uri)


def test_links_out_of_the_root_are_not_followed(source, folder, tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "labels.csv").write_text("structure,tc_k\n")
    (folder / "labels.csv").symlink_to(secret / "labels.csv")
    (folder / "inner").symlink_to(secret)
    for path in (folder / "labels.csv", folder / "inner" / "labels.csv"):
        with pytest.raises(NotFoundError, match="not a regular file"):
            read(source, path.as_uri())


def test_pipes_and_folders_are_no_label_files(source, folder):
    os.mkfifo(folder / "pipe.csv")
    (folder / "folder.csv").mkdir()
    for name in ("pipe.csv", "folder.csv", "absent.csv"):
        with pytest.raises(NotFoundError, match="no such file"):
            read(source, (folder / name).as_uri())


def test_a_file_beyond_the_limit_is_refused(tmp_path, folder):
    (folder / "a.csv").write_bytes(b"x" * 101)
    small = RootedLabelSource((f"file://{tmp_path}/roots/{{tenant}}/",), 100)
    with pytest.raises(InvalidRequestError, match="more than 100 bytes"):
        read(small, (folder / "a.csv").as_uri())


def test_more_rows_than_the_quota_are_refused(source, folder, frame):
    frame.to_parquet(folder / "a.parquet")
    with pytest.raises(QuotaExceededError, match="12 rows and the quota is 11"):
        read(source, (folder / "a.parquet").as_uri(), max_rows=11)


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_a_broken_file_is_refused_in_one_line(source, folder, suffix):
    (folder / f"a.{suffix}").write_bytes(b'PAR1 {"a": \x00\xff\n"')
    with pytest.raises(InvalidRequestError, match=r"not readable|not valid JSON|no column") as caught:
        read(source, (folder / f"a.{suffix}").as_uri())
    assert "\n" not in caught.value.message


def test_a_cell_without_a_number_is_named_with_its_row(source, folder, frame):
    frame["tc_k"] = [*map(str, range(5)), "cold", *map(str, range(6))]
    frame.to_csv(folder / "a.csv", index=False)
    with pytest.raises(InvalidRequestError, match=r"line 7 \(f\): tc_k holds 'cold'.*leave the cell empty"):
        read(source, (folder / "a.csv").as_uri(), id_column="name")


def test_a_missing_column_is_named(source, folder, frame):
    frame.to_parquet(folder / "a.parquet")
    with pytest.raises(InvalidRequestError, match="no column 'tc_mk'"):
        read(source, (folder / "a.parquet").as_uri(), columns=("tc_mk",))


def test_a_row_with_a_broken_structure_keeps_its_place(source, folder, frame):
    frame.loc[3, "structure"] = "data_x\nthis is no CIF"
    frame.loc[4, "structure"] = None
    frame.to_parquet(folder / "a.parquet")
    rows = read(source, (folder / "a.parquet").as_uri()).read_structures()
    assert [number for number, (_, row) in enumerate(rows) if isinstance(row, InvalidStructureError)] == [3, 4]


def test_too_few_labels_are_refused_with_the_number_needed(table, spec):
    values = np.array([1.0] * 7 + [np.nan] * 5)
    with pytest.raises(InvalidRequestError, match=r"7 rows have .* at least 10 are needed.*add 3") as caught:
        check_labels(LabelTable(table.ids, table.cells, {"tc_k": values}), spec)
    assert caught.value.reason == "TOO_FEW_LABELS"


def test_an_infinite_label_is_named_with_its_row(table, spec):
    values = np.arange(12.0)
    values[4] = np.inf
    with pytest.raises(InvalidRequestError, match=r"row 4 \(row4\): tc_k holds an infinite value"):
        check_labels(LabelTable(table.ids, table.cells, {"tc_k": values}), spec)


def test_uneven_columns_are_refused(table):
    with pytest.raises(InvalidRequestError, match="11 values for 12 structures"):
        LabelTable(table.ids, table.cells, {"tc_k": np.arange(11.0)})


def test_kept_labels_read_back_the_same(table, tmp_path):
    files = FolderJobFiles(tmp_path)
    cells = [*table.cells[:-1], StructureText("cif", "data_\n€")]
    values = {"tc_k": np.array([0.1 + 0.2, np.nan, *range(10)]), "a/b": np.arange(12.0)}
    files.save_labels("acme", "ft-1", LabelTable(table.ids, cells, values))
    found = files.load_labels("acme", "ft-1")
    assert (list(found.ids), list(found.cells)) == (list(table.ids), cells)
    for name, expected in values.items():
        np.testing.assert_array_equal(found.values[name], expected)
    files.delete_tenant("acme")
    with pytest.raises(NotFoundError, match="labels of this job are gone"):
        files.load_labels("acme", "ft-1")


@pytest.mark.parametrize(
    "root", ["/srv/labels/{tenant}/", "file:///srv/labels/", "s3://b/{tenant}", "s3://b/x{tenant}/"]
)
def test_a_root_that_is_not_of_one_tenant_is_refused(root):
    with pytest.raises(ValueError, match="label root"):
        FineTuneSettings(label_roots=(root,))


def test_listening_to_the_network_needs_a_secret_or_a_word(tmp_path):
    with pytest.raises(ValueError, match="anyone could pose as a tenant"):
        FineTuneSettings(host="0.0.0.0")
    assert FineTuneSettings(host="0.0.0.0", trusts_network=True).address == "0.0.0.0:50061"


def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("EPITAXY_FINETUNE_LABEL_ROOTS", json.dumps(["s3://b/{tenant}/"]))
    monkeypatch.setenv("EPITAXY_FINETUNE_TENANT_QUOTAS", json.dumps({"acme": {"max_active_jobs": 9}}))
    settings = FineTuneSettings()
    assert settings.label_roots == ("s3://b/{tenant}/",)
    assert (settings.quota_of("acme").max_active_jobs, settings.quota_of("globex").max_active_jobs) == (9, 4)


def test_words_for_missing_decimal_commas_and_lines_are_as_at_the_client(source, folder, frame):
    cells = ["n/a", "-", "", *(f"{row},5" for row in range(9))]
    lines = [
        f'{name};"{text.replace(chr(34), chr(34) * 2)}";"{cell}"'
        for name, text, cell in zip(frame["name"], frame["structure"], cells, strict=True)
    ]
    (folder / "a.csv").write_text("\ufeffname;structure;tc_k\r\n" + "\r\n".join(lines), encoding="utf-8")
    table = read(source, (folder / "a.csv").as_uri(), id_column="name")
    np.testing.assert_array_equal(table.values["tc_k"], [np.nan] * 3 + [row + 0.5 for row in range(9)])
    assert all(isinstance(structure, Structure) for _, structure in table.read_structures())


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_all_cells_without_a_number_are_named_at_once(source, folder, frame, suffix):
    frame["tc_k"] = ["1_5", "0x10", "1e400", "1,234.5", *map(str, range(8))]
    path = folder / f"a.{suffix}"
    if suffix == "parquet":
        frame.to_parquet(path)
    elif suffix == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_json(path, orient="records", lines=True)
    with pytest.raises(InvalidRequestError, match="4 cells hold no number") as caught:
        read(source, path.as_uri(), id_column="name")
    first = {"parquet": "row 0 (a)", "csv": "line 2 (a)", "jsonl": "line 1 (a)"}[suffix]
    for text in (f"{first}: tc_k holds '1_5'", "(b)", "'1e400', which is too large", "thousands separators"):
        assert text in caught.value.message


def test_binary_ids_cells_of_cif_and_poscar_text_and_packed_tables_are_read(source, folder):
    cif = (
        "data_x\n_cell_length_a 4.12\n_cell_length_b 4.12\n_cell_length_c 4.12\n_cell_angle_alpha 90\n"
        "_cell_angle_beta 90\n_cell_angle_gamma 90\n_symmetry_space_group_name_H-M 'P 1'\nloop_\n_atom_site_label\n"
        "_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\nCs1 0 0 0\nCl1 .5 .5 .5\n"
    )
    poscar = "CsCl\n1.0\n4.12 0 0\n0 4.12 0\n0 0 4.12\nCs Cl\n1 1\nDirect\n0 0 0\n.5 .5 .5\n"
    frame = pd.DataFrame({"run": [b"a", b"b"], "structure": [cif.encode(), poscar.encode()], "tc_k": [1.0, 2.0]})
    frame.to_parquet(folder / "a.parquet")
    table = read(source, (folder / "a.parquet").as_uri(), id_column="run")
    assert list(table.ids) == ["a", "b"]
    assert all(isinstance(structure, Structure) for _, structure in table.read_structures())
    frame["structure"] = [cif, poscar]
    frame.drop(columns="run").to_csv(folder / "a.csv.gz", index=False)
    packed = read(source, (folder / "a.csv.gz").as_uri())
    assert [cell.text for cell in packed.cells] == [cif, poscar]


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_conditions_of_a_table_are_numbers_or_categories(source, folder, frame, suffix):
    frame = frame.assign(t=[300.0, None] * 6, route=["flux", "melt", None] * 4, batch=[1, 2] * 6)
    path = folder / f"labels.{suffix}"
    frame.to_parquet(path) if suffix == "parquet" else frame.to_csv(path, index=False)
    asked = [LabelCondition("t", "K"), LabelCondition("route"), LabelCondition("batch", "category")]
    table = source.read("acme", LabelFile(path.as_uri()), ["tc_k"], 100, asked)
    np.testing.assert_array_equal(table.conditions["t"], frame["t"])
    assert table.conditions["route"].tolist() == ["flux", "melt", None] * 4
    assert table.conditions["batch"].tolist() == ["1", "2"] * 6
    with pytest.raises(InvalidRequestError, match="route holds 'flux', which is not a number"):
        source.read("acme", LabelFile(path.as_uri()), ["tc_k"], 100, [LabelCondition("route", "K")])


def test_conditions_that_nothing_can_be_learned_from_are_refused_before_a_job(table, spec):
    for conditions, values, match in (
        ((LabelCondition("t", "K"),), {}, "no column 't'"),
        ((LabelCondition("t", "K"),), {"t": np.full(12, np.nan)}, "no label has it"),
        ((LabelCondition("t", "K"),), {"t": np.array(["warm"] * 12, dtype=object)}, "holds texts, and its unit is K"),
    ):
        told = LabelTable(table.ids, table.cells, table.values, values)
        with pytest.raises(InvalidRequestError, match=match):
            check_labels(told, replace(spec, conditions=conditions))
    with pytest.raises(InvalidRequestError, match="names a column twice, or a column of labels"):
        replace(spec, conditions=(LabelCondition("tc_k"),))
