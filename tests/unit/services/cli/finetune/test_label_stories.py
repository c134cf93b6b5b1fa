"""What people really bring: one wild label, and one wrong unit, from the command to the shipped pipeline and back."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import finetune_server
import numpy as np
import pandas as pd
import pytest
import torch

from epitaxy.finetune.work.pipeline import PipelineTransfer
from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.source_index.storage import FILE_NAME
from epitaxy_models.structures import structure_to_column
from epitaxy_models.transfer.contest.field import Field
from epitaxy_models.transfer.labels.references import SubstrateReferences
from epitaxy_models.transfer.request import TransferRequest
from epitaxy_models.transfer.strategies import EmbeddingRidge, PoolMedian

N = 40


class WithoutIndex(PipelineTransfer):
    """On the shipped substrate without its source index, which takes seconds to open and says nothing of labels."""

    def _request(self, *arguments: Any) -> TransferRequest:
        return replace(super()._request(*arguments), base=self.base_models[""])


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A service whose jobs run the shipped pipeline with the strategies that take no time."""
    torch.set_num_threads(1)
    base = tmp_path_factory.mktemp("base") / "substrate"
    shutil.copytree(shipped_model(), base, ignore=shutil.ignore_patterns(FILE_NAME))
    work = WithoutIndex({"": base}, Field((EmbeddingRidge(), PoolMedian())))
    with finetune_server.serving_finetune(tmp_path_factory.mktemp("pipeline"), work) as (target, _):
        yield {"EPITAXY_TARGET": target, "EPITAXY_API_KEY": "stories"}


@pytest.fixture(scope="module")
def crystals() -> pd.DataFrame:
    """Forty crystals with what the substrate says of them, give or take a tenth, as a measurement would."""
    chosen = [crystal for crystal in bundled_crystals() if 1 < crystal.structure.n_sites <= 8][: 3 * N : 3]
    structures = [crystal.structure for crystal in chosen]
    artifact = load_artifact(shipped_model())
    energy, _ = SubstrateReferences(artifact, Embedder(artifact))([build_graph(one) for one in structures], structures)
    noise = np.exp(0.1 * np.random.default_rng(0).normal(size=N))
    return pd.DataFrame(
        {
            "id": [f"c{number}" for number in range(N)],
            "structure": [structure_to_column(one) for one in structures],
            "energy": energy.values * noise,
        }
    )


def _create(run: Any, pipeline: dict[str, str], table: pd.DataFrame, folder: Path, name: str, *more: str) -> Any:
    table.to_csv(folder / "labels.csv", index=False)
    arguments = ("--data", folder / "labels.csv", "--column", "energy", "--unit", "eV/atom", "--name", name, "--wait")
    return run("finetune", "create", *arguments, "--json", *more, **pipeline)


def test_one_wild_label_stops_the_job_by_name_and_asks_for_a_reason_if_accepted(
    run: Any, pipeline: dict[str, str], crystals: pd.DataFrame, tmp_path: Path
) -> None:
    table = crystals.copy()
    table.loc[3, "energy"] = 9999.0
    done = _create(run, pipeline, table, tmp_path, "wild")
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    assert (document["state"], document["failure"]["reason"]) == ("FAILED", "SUSPICIOUS_LABELS")
    (found,) = [entry for entry in document["suspicious"] if entry["kind"] == "WILD"]
    assert (found["row"], found["id"], found["value"]) == (3, "c3", 9999.0)
    assert "row 3 (c3): 9999 eV/atom" in done.stderr
    assert "--accept-suspicious" in done.stderr

    accepted = _create(run, pipeline, table, tmp_path, "wild", "--accept-suspicious")
    assert accepted.returncode == 0, accepted.stderr
    document = json.loads(accepted.stdout)
    assert "row 3 (c3): 9999 eV/atom" in document["sentence"]
    assert document["suspicious"][0]["id"] == "c3"
    refused = run("finetune", "promote", "wild", **pipeline)
    assert refused.returncode == 1
    assert "it was fitted on suspicious labels (row 3 (c3): 9999 eV/atom" in refused.stderr
    assert run("finetune", "promote", "wild", "--override", "a test", **pipeline).returncode == 0


def _salts(n: int, **changes: Any) -> pd.DataFrame:
    """Strained rock salts, NaCl and KCl in turn, with labels of one spread."""
    structures = []
    for number in range(n):
        half = (2.8 + 0.3 * (number % 2)) * (1 + number / 500)
        lattice = [[0.0, half, half], [half, 0.0, half], [half, half, 0.0]]
        species = [19, 17] if number % 2 else [11, 17]
        cell = {"lattice": lattice, "species": species, "frac": [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]]}
        structures.append(json.dumps(cell))
    ids = [f"{'kcl' if number % 2 else 'c'}-{number}" for number in range(n)]
    labels = np.random.default_rng(3).normal(3, 1, size=n)
    return pd.DataFrame({"id": ids, "structure": structures, "tc": labels} | changes)


def _wild_salts() -> pd.DataFrame:
    table = _salts(N)
    table.loc[3, "tc"] = 9999.0
    return table


STOPPED = {
    "CONSTANT_LABELS": (lambda: _salts(16, tc=1.5), "all 16 are 1.5"),
    "TOO_FEW_FORMULAS": (lambda: _salts(32).iloc[::2], "all 16 labels are of one formula, NaCl"),
    "SUSPICIOUS_LABELS": (_wild_salts, "row 3 (kcl-3): 9999 K is"),
}


@pytest.mark.parametrize("reason", STOPPED)
def test_audit_stops_what_create_stops_for_the_same_reason(
    run: Any, pipeline: dict[str, str], tmp_path: Path, reason: str
) -> None:
    make, text = STOPPED[reason]
    make().to_csv(tmp_path / "l.csv", index=False)
    arguments = ("--data", tmp_path / "l.csv", "--column", "tc", "--unit", "K")
    audit = run("finetune", "audit", *arguments, **pipeline)
    assert audit.returncode == 1, audit.stderr
    assert f"a job would not start: {reason}: " in audit.stdout
    assert text in audit.stdout
    stop = json.loads(run("finetune", "audit", *arguments, "--json", **pipeline).stdout)
    assert (stop["stop"]["reason"], stop["would_start"]) == (reason, False)

    created = run("finetune", "create", *arguments, "--name", "stopped", "--wait", **pipeline)
    assert created.returncode == 1, created.stderr
    assert f"epitaxy: {reason}: " in created.stderr
    assert text in created.stderr


@pytest.mark.parametrize(
    ("make", "more", "code"),
    [
        (lambda: _salts(16), (), 0),
        (lambda: _salts(9), (), 1),
        (_wild_salts, ("--accept-suspicious",), 0),
        (lambda: _salts(16).assign(id=["bad", *(f"kcl-{n}" for n in range(8)), *(f"c-{n}" for n in range(7))]), (), 3),
        (lambda: _salts(17).assign(tc=[np.nan, *range(16)]), (), 0),
    ],
    ids=["sound", "too few", "wild but accepted", "a row to skip", "a blank label"],
)
def test_audit_says_by_its_exit_code_whether_a_job_would_start(
    run: Any, pipeline: dict[str, str], tmp_path: Path, make: Any, more: tuple[str, ...], code: int
) -> None:
    make().to_csv(tmp_path / "l.csv", index=False)
    arguments = ("--data", tmp_path / "l.csv", "--column", "tc", "--unit", "K", *more)
    audit = run("finetune", "audit", *arguments, **pipeline)
    assert audit.returncode == code, audit.stdout + audit.stderr


def test_every_count_of_labels_says_what_it_counts(
    run: Any, pipeline: dict[str, str], crystals: pd.DataFrame, tmp_path: Path
) -> None:
    blank = crystals.iloc[[0]].assign(id="blank", energy=np.nan)
    table = pd.concat([crystals, crystals.iloc[[5]].assign(id="again"), blank])
    done = _create(run, pipeline, table, tmp_path, "counts")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert "labels    41 of 42 rows have one" in done.stderr
    assert (document["n_rows"], document["n_labels"]) == (42, 41)
    assert document["sentence"].startswith("With your 40 labels of energy (from 42 rows), ")
    shown = run("finetune", "report", "counts", **pipeline).stdout
    assert "data      40 usable crystals in 42 rows (1 merged with another row of the same crystal)" in shown
    assert "counts:1  energy, 41 labelled rows: transfer" in run("finetune", "watch", "counts", **pipeline).stdout


def test_one_wrong_unit_stops_the_job_and_the_right_one_does_not(
    run: Any, pipeline: dict[str, str], crystals: pd.DataFrame, tmp_path: Path
) -> None:
    molar = crystals.assign(energy=96.485 * crystals["energy"])
    done = _create(run, pipeline, molar, tmp_path, "molar")
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    assert document["failure"]["reason"] == "SUSPICIOUS_LABELS"
    assert [(entry["kind"], entry["row"], entry["value"]) for entry in document["suspicious"]][:1] == [
        ("WRONG_UNIT", None, None)
    ]
    assert "look like kJ/mol/atom" in document["failure"]["message"]

    right = _create(run, pipeline, crystals, tmp_path, "right")
    assert right.returncode == 0, right.stderr
    assert json.loads(right.stdout)["state"] == "SUCCEEDED"
