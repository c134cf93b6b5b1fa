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
