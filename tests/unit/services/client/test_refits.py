"""A model's labels are fitted again as they are kept, and the client is told which version errs less."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

import finetune_server
import numpy as np
import pytest

from epitaxy.chassis.model_names import ModelName
from epitaxy.client import Client, InvalidRequestError, NotFoundError
from epitaxy.finetune.ports import FileKind
from epitaxy.finetune.upkeep.census import SubstrateCensus

_tenants = (f"refit-{number}" for number in count())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Any]]:
    with finetune_server.serving_finetune(tmp_path_factory.mktemp("finetune")) as (target, rig):
        yield target, rig


@pytest.fixture
def rig(served: tuple[str, Any]) -> Any:
    return served[1]


@pytest.fixture
def client(connect: Any, served: tuple[str, Any]) -> Iterator[Client]:
    with connect(served[0], next(_tenants)) as client:
        yield client


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    return list(finetune_server.crystals(24))


def grown(client: Client, rows: Any, **options: Any) -> Any:
    job = client.finetune(rows, column="tc_k", unit="K", name="my-tc", **options)
    job.wait(timeout=200)
    return job


def tenant_of(client: Client) -> str:
    return str(client._connection.api_key)


def test_a_refit_has_the_same_labels_and_options_and_says_what_it_gained(client: Client, rig: Any, rows: Any) -> None:
    rows[3]["tc_k"] = None
    job = grown(client, rows, low_fidelity=["tc_dft:PBE:0.1"], transform="none", seed=7, max_seconds=99.0)
    refit = client.refit_model("my-tc")
    result = refit.wait(timeout=200)
    assert (refit.status.refit_of, job.status.refit_of) == ("1", "")
    assert (refit.status.n_rows, refit.status.n_labels) == (24, 23)
    tenant = tenant_of(client)
    before, after = (rig.labels_of(tenant, one.id) for one in (job, refit))
    assert list(before.ids) == list(after.ids)
    for name in ("tc_k", "tc_dft"):
        np.testing.assert_array_equal(before.values[name], after.values[name])
    asked = [rig.servicer._jobs.get(tenant, one.id).spec for one in (job, refit)]
    assert asdict(asked[1]) | {"refit_of": None} == asdict(asked[0])
    told = result.succession
    assert (told.model_version, told.base_model, told.strategy, told.verdict) == ("1", "substrate:1", "median", "HELPS")
    assert (told.mae, told.new_mae, told.gain, told.gain_low, told.gain_high) == (7.5, 7.25, 0.25, 0.125, None)
    assert job.result.succession is None
    tags = rig.registry.find(ModelName(tenant, "my-tc"), version=result.model_version).tags
    assert (tags["substrate"], tags["substrate_digest"], tags["refit_of"]) == ("substrate:2", "sha256:0", "1")


def test_the_champion_is_refitted_unless_a_version_is_named(client: Client, rows: Any) -> None:
    grown(client, rows)
    client.refit_model("my-tc").wait(timeout=200)
    client.promote_model("my-tc", "1")
    assert client.refit_model("my-tc").status.refit_of == "1"
    newest = client.refit_model("my-tc:2", max_seconds=55.0)
    assert newest.status.refit_of == "2"
    newest.wait(timeout=200)
    with pytest.raises(NotFoundError, match="has no 9"):
        client.refit_model("my-tc:9")
    with pytest.raises(InvalidRequestError, match="by an alias"):
        client.refit_model("my-tc@champion")
    with pytest.raises(NotFoundError, match="no model named"):
        client.refit_model("other")


def test_champions_are_counted_by_substrate(client: Client, rig: Any, rows: Any, tmp_path: Path) -> None:
    grown(client, rows)
    client.refit_model("my-tc").wait(timeout=200)
    census = SubstrateCensus(rig.registry)
    before = Counter(census())
    client.promote_model("my-tc", "1")
    assert Counter(census()) - before == {"substrate:1": 1}
    client.promote_model("my-tc", "2")
    assert Counter(census()) - before == {"substrate:2": 1}
    # A version of an earlier release has no tag, and its card says what it stands on.
    (tmp_path / "card.json").write_text(json.dumps({"base": {"name": "elder", "version": "3"}}))
    elder = ModelName(tenant_of(client), "elder")
    rig.registry.promote(elder, rig.registry.register(elder, tmp_path).version)
    assert Counter(census()) - before == {"substrate:2": 1, "elder:3": 1}


def test_a_repeated_request_gets_the_same_job(client: Client, rows: Any) -> None:
    grown(client, rows)
    first = client.refit_model("my-tc", request_id="once")
    first.wait(timeout=200)
    assert client.refit_model("my-tc", request_id="once").id == first.id


def test_labels_that_are_no_longer_kept_are_given_again(client: Client, rig: Any, rows: Any) -> None:
    job = grown(client, rows)
    [kept] = [one for one in rig.files.held() if one.job_id == job.id and one.kind is FileKind.LABELS]
    rig.files.discard(kept)
    with pytest.raises(NotFoundError, match="are gone: give them again with the refit") as refused:
        client.refit_model("my-tc")
    assert refused.value.reason == "NO_LABEL_FILE"
    refit = client.refit_model("my-tc", data=rows)
    assert refit.wait(timeout=200).succession is not None
    assert refit.status.n_labels == 24
