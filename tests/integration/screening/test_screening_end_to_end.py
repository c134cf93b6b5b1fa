"""The product as a user meets it: the command line against the whole running stack."""

import re
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pandas as pd
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from product import Product, crystals_table, eventually

from epitaxy.client import Client
from epitaxy_models.data.crystals import bundled_crystals, write_cifs
from loadtest.processes import cpu_seconds_of

pytestmark = pytest.mark.stack

SHARED = Path(__file__).parents[4] / "shared" / "data"
PHONONS = SHARED / "matbench_phonons.parquet"
COLUMNS = [
    "id", "formula", "property", "value", "unit", "std", "epistemic_std", "lower", "upper", "coverage",
    "domain_score", "domain_verdict", "review", "review_rules", "review_reason", "model", "model_version",
    "cache_hit", "error_reason", "error_message", "repairs", "notes",
]  # fmt: skip
# eV or eV/atom; a hundred times the noise seen.
FLOAT32_ROUNDING = 1e-4
needs_shared = pytest.mark.skipif(not PHONONS.exists(), reason="the shared data sets are not beside the repository")

NACL = """data_NaCl
_cell_length_a 5.64
_cell_length_b 5.64
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Na1 Na 0 0 0 1
Cl1 Cl 0.5 0.5 0.5 1
"""
BROKEN = {
    "not-a-cif": ("hello", "UNREADABLE"),
    "empty": ("", "EMPTY_STRUCTURE"),
    "half-occupied": (NACL.replace("0.5 0.5 0.5 1", "0.5 0.5 0.5 0.5"), "PARTIAL_OCCUPANCY"),
    "unknown-element": (NACL.replace("Cl1 Cl", "Xx1 Xx"), "UNKNOWN_ELEMENT"),
    "overlapping": (NACL.replace("0.5 0.5 0.5 1", "0.05 0.0 0.0 1"), "OVERLAPPING_ATOMS"),
    "flat-cell": (NACL.replace("_cell_length_c 5.64", "_cell_length_c 0.0"), "DEGENERATE_CELL"),
    "not-finite": (NACL.replace("0.5 0.5 0.5 1", "nan 0.5 0.5 1"), "NON_FINITE"),
    "no-atoms": (NACL.split("loop_", maxsplit=1)[0], "EMPTY_STRUCTURE"),
    "truncated": (NACL.rsplit("0.5 1", 1)[0], "TRUNCATED_FILE"),
    "other-formula": (NACL + "\n_chemical_formula_sum 'Na Cl2'\n", "FORMULA_MISMATCH"),
}


def epitaxy(stack: Product, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "epitaxy.cli", *map(str, arguments), "--target", stack.target]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=200, **options)


@needs_shared
def test_a_table_of_904_real_crystals_is_answered_whole_and_again_from_the_cache(
    product: Product, tmp_path: Path
) -> None:
    first, second = tmp_path / "first.parquet", tmp_path / "second.parquet"
    cold = epitaxy(product, "screen", PHONONS, "--out", first)
    warm = epitaxy(product, "screen", PHONONS, "--out", second)
    assert (cold.returncode, warm.returncode) == (0, 0), cold.stderr + warm.stderr
    table, again = pd.read_parquet(first), pd.read_parquet(second)
    assert list(table.columns) == COLUMNS
    assert table["id"].nunique() == 904
    assert table["error_reason"].isna().all()
    assert again["cache_hit"].all()
    assert_same_answers(table, again)


@needs_shared
def test_cells_of_ordinary_size_come_more_than_twice_as_fast_from_the_cache(product: Product, tmp_path: Path) -> None:
    """The phonon table's cells have ten atoms, and half a second is too short for a rate."""
    cells = tmp_path / "cells.parquet"
    pd.read_parquet(SHARED / "mp_general.parquet", columns=["structure"]).sample(1200, random_state=0).to_parquet(cells)
    cold, warm = (epitaxy(product, "screen", cells, "--out", tmp_path / f"{run}.parquet") for run in ("cold", "warm"))
    assert (cold.returncode, warm.returncode) == (0, 0), cold.stderr + warm.stderr
    assert rate(warm.stderr) > 2 * rate(cold.stderr), cold.stderr + warm.stderr


def test_columns_objects_and_single_calls_answer_the_same_through_the_whole_stack(
    product: Product, tmp_path: Path
) -> None:
    """`predict` asks for items, `screen` for columns; a table of arrays goes into packed blocks."""
    crystals = [(f"c{row}", crystal.structure) for row, crystal in enumerate(bundled_crystals()[:40])]
    triples = [(name, (one.lattice, one.atomic_numbers, one.frac_coords)) for name, one in crystals]
    lost = ("overlap", (np.eye(3) * 5, [11, 17], [[0, 0, 0], [0.01, 0, 0]]))
    cells = [
        {"lattice": np.asarray(a).tolist(), "species": np.asarray(n).tolist(), "frac": np.asarray(c).tolist()}
        for _, (a, n, c) in (*triples, lost)
    ]
    table = tmp_path / "cells.parquet"
    pd.DataFrame({"id": [name for name, _ in (*triples, lost)], "structure": cells}).to_parquet(table)
    with Client(product.target) as client:
        client.predict([*triples, lost])
        items = client.predict([*triples, lost])
        objects = sorted(client.screen([*triples, lost], chunk_size=16), key=lambda one: one.index)
        blocks = list(client.screen(table, chunk_size=16).columns())
        frame = client.screen(table, chunk_size=16).to_arrow().to_pandas()
    assert objects == items
    assert sorted((one for block in blocks for one in block.results()), key=lambda one: one.index) == items
    assert items[-1].error is not None
    assert items[-1].error.reason == "OVERLAPPING_ATOMS"
    assert all(one.cache_hit for one in items[:-1])
    values = [one.value for result in items for one in result.predictions]
    np.testing.assert_array_equal(frame["value"].dropna(), values)


def assert_same_answers(first: pd.DataFrame, second: pd.DataFrame) -> None:
    """Equal tables but for cache hits; numbers to float32 rounding, since a sum depends on the shape of its batch."""
    unchanged = [name for name in COLUMNS if name != "cache_hit"]
    pd.testing.assert_frame_equal(first[unchanged], second[unchanged], rtol=0, atol=FLOAT32_ROUNDING)


def rate(summary: str) -> float:
    """Structures a second of ``elapsed   3.9 s (screening 3.1 s, 1,142 structures/s)``."""
    found = re.search(r"([\d,]+) structures/s", summary)
    assert found, summary
    return float(found[1].replace(",", ""))


def test_broken_files_are_refused_with_reasons_and_their_neighbours_answered(product: Product, tmp_path: Path) -> None:
    folder = tmp_path / "cifs"
    for extra in write_cifs(folder)[20:]:
        extra.unlink()
    for name, (text, _) in BROKEN.items():
        (folder / f"{name}.cif").write_text(text)
    run = epitaxy(product, "screen", folder, "--out", tmp_path / "r.csv", "--property", "band_gap,formation_energy")
    assert run.returncode == 3, run.stderr
    table = pd.read_csv(tmp_path / "r.csv", keep_default_na=False)
    refused = table[table["error_reason"] != ""].set_index("id")["error_reason"].to_dict()
    assert refused == {name: reason for name, (_, reason) in BROKEN.items()}
    answered = table[table["error_reason"] == ""]
    assert answered["id"].nunique() == 20
    assert set(answered["property"]) == {"band_gap", "formation_energy"}
    assert (answered["error_message"] == "").all()
    messages = table.loc[table["error_reason"] != "", "error_message"]
    assert messages.str.len().min() > 20
    assert not messages.str.contains("\n").any()


def test_a_killed_run_resumes_to_the_same_table(product: Product, tmp_path: Path) -> None:
    source = crystals_table(tmp_path, copies=4)
    whole, resumed = tmp_path / "whole.parquet", tmp_path / "resumed.parquet"
    command = [sys.executable, "-m", "epitaxy.cli", "screen", source, "--out", resumed, "--target", product.target]
    run = subprocess.Popen([*map(str, command), "--chunk-size", "32"], stderr=subprocess.DEVNULL)
    journal = tmp_path / "resumed.parquet.journal"
    assert eventually(lambda: journal.exists() and journal.stat().st_size > 100_000, seconds=60)
    run.send_signal(signal.SIGKILL)
    run.wait(10)
    assert not resumed.exists()
    again = epitaxy(product, "screen", source, "--out", resumed, "--resume")
    assert again.returncode == 0, again.stderr
    assert epitaxy(product, "screen", source, "--out", whole).returncode == 0
    assert_same_answers(pd.read_parquet(resumed), pd.read_parquet(whole))
    assert not journal.exists()


def test_redis_holds_the_keys_and_its_end_in_the_middle_of_a_run_loses_nothing(
    product: Product, tmp_path: Path
) -> None:
    import redis

    url = product.endpoints()["redis"]["url"]
    source = crystals_table(tmp_path, copies=3)
    assert epitaxy(product, "screen", source, "--out", tmp_path / "before.parquet").returncode == 0
    with redis.Redis.from_url(url) as connection:
        kinds = Counter(key.split(b":")[1] for key in connection.scan_iter(count=1000))
    assert kinds[b"embedding"] > 500
    assert kinds[b"graph-key"] > 500
    command = [sys.executable, "-m", "epitaxy.cli", "screen", source, "--out", tmp_path / "during.parquet"]
    options = ["--bypass-cache", "--chunk-size", "64", "--target", product.target]
    run = subprocess.Popen([*map(str, command), *options], stderr=subprocess.PIPE, text=True)
    journal = tmp_path / "during.parquet.journal"
    assert eventually(lambda: journal.exists() and journal.stat().st_size > 20_000, seconds=60)
    product.signal_part("redis", signal.SIGKILL)
    _, errors = run.communicate(timeout=120)
    assert run.returncode == 0, errors
    before, during = (pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("before", "during"))
    assert during["error_reason"].isna().all()
    assert_same_answers(before, during)


def test_messages_of_a_short_screening_are_spread_evenly(product: Product) -> None:
    """Serve's own router gives one of two replicas four of six messages, and a core waits at the end."""
    replicas = product.replicas("intake")
    if len(replicas) != 2:
        pytest.skip(f"{len(replicas)} intake replicas: made for two cores")
    message = [crystal.structure for crystal in bundled_crystals()][:128]
    triples = [(s.lattice, s.atomic_numbers, s.frac_coords) for _ in range(6) for s in message]
    shares = []
    with Client(product.target) as client:
        for _ in range(4):
            time.sleep(2)  # until what the replicas last told is old
            before = [cpu_seconds_of(pid) for pid in replicas]
            assert all(result.error is None for result in client.screen(triples, bypass_cache=True))
            spent = [cpu_seconds_of(pid) - start for pid, start in zip(replicas, before, strict=True)]
            shares.append(max(spent) / sum(spent))
    assert statistics.median(shares) < 0.6, shares


@pytest.mark.parametrize("at_most", [1, 100])
def test_killing_replicas_loses_nothing(product: Product, tmp_path: Path, at_most: int) -> None:
    table = product.screened_while_replicas_die("intake", at_most, crystals_table(tmp_path, copies=2), tmp_path)
    assert table["error_reason"].isna().all()


def test_a_screening_outlives_serves_proxy_and_the_gateway_and_counts_nothing_as_failed(
    product: Product, tmp_path: Path
) -> None:
    source = crystals_table(tmp_path, copies=1)
    n_crystals = len(source.read_text().splitlines())
    product.kill_proxy()
    # A fresh one, whose every message finds nobody at first.
    with Client(product.target) as client:
        results = client.screen(source, bypass_cache=True, chunk_size=64)
        first = next(results)
        product.signal_part("gateway", signal.SIGKILL)
        answers = [first, *results]
        cif = tmp_path / "NaCl.cif"
        cif.write_text(NACL)
        assert client.predict([cif])[0].error is None
    assert [answer.error for answer in answers if answer.error is not None] == []
    assert sorted(answer.index for answer in answers) == list(range(n_crystals))


def test_predict_embed_validate_and_models_answer(product: Product, tmp_path: Path) -> None:
    cif = tmp_path / "NaCl.cif"
    cif.write_text(NACL)
    with Client(product.target) as client:
        [result] = client.predict([cif], properties=["band_gap"], coverage=0.5)
        [wide] = client.predict([cif], properties=["band_gap"], coverage=0.99)
        [embedding] = client.embed([cif])
        card = client.get_model("substrate-mp@champion")
    [narrow_gap], [wide_gap] = result.predictions, wide.predictions
    assert (result.formula, result.n_sites, narrow_gap.unit) == ("NaCl", 8, "eV")
    assert narrow_gap.lower <= narrow_gap.value <= narrow_gap.upper
    assert wide_gap.upper - wide_gap.lower > narrow_gap.upper - narrow_gap.lower
    assert narrow_gap.calibration.n_calibration > 1000
    assert "Materials Project" in narrow_gap.level_of_theory
    assert result.model_digest == card.digest
    assert np.asarray(embedding.embedding).size == 5 * 480
    assert "NaCl" in epitaxy(product, "validate", cif).stdout
    assert "Materials Project" in epitaxy(product, "models", "show", "substrate-mp").stdout


def test_one_warm_structure_is_answered_within_a_tenth_of_a_second(product: Product, tmp_path: Path) -> None:
    cif = tmp_path / "NaCl.cif"
    cif.write_text(NACL)
    times = []
    with Client(product.target) as client:
        for _ in range(40):
            start = time.perf_counter()
            client.predict([cif])
            times.append(time.perf_counter() - start)
    assert np.median(times) < 0.1


def test_metrics_of_gateway_and_replicas_move(product: Product, tmp_path: Path) -> None:
    cif = tmp_path / "NaCl.cif"
    cif.write_text(NACL)
    assert epitaxy(product, "predict", cif).returncode == 0
    found = product.endpoints()

    def scraped(part: str) -> str:
        with urllib.request.urlopen(found[part]["metrics"], timeout=10) as page:
            return str(page.read().decode())

    assert 'epitaxy_gateway_structures_total{outcome="answered"' in scraped("gateway")
    for name in ("structures_total", "cache_lookups_total", "batch_fill_ratio_count"):
        assert eventually(lambda name=name: f"epitaxy_prediction_{name}" in scraped("ray"), seconds=60), name
    stages = set(re.findall(r'epitaxy_prediction_stage_seconds_count{.*?stage="(\w+)"', scraped("ray")))
    assert stages >= {"parse", "graph", "cache_read", "queue", "forward", "readout"}


def test_health_is_open_and_serving(product: Product) -> None:
    with grpc.insecure_channel(product.target) as channel:
        reply = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
    assert reply.status == health_pb2.HealthCheckResponse.SERVING
