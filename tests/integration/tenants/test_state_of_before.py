"""Models and jobs that the last build before the rooms made still serve and open."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from home_of_before import TENANT_OF_BEFORE
from product import Product

from epitaxy.client import Client

pytestmark = pytest.mark.stack


@pytest.fixture
def tenant(tenant_product: Product, keys: dict[str, str]):
    with Client(tenant_product.target, api_key=keys[TENANT_OF_BEFORE]) as client:
        yield client


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_model_of_before_answers_as_it_did(tenant_product: Product, tenant: Client) -> None:
    written = {row["id"]: row for row in _lines(tenant_product.home / "predictions.jsonl")}
    run = tenant.screen(tenant_product.home / "candidates.jsonl", model=f"{TENANT_OF_BEFORE}/old-gap")
    answered = {result.id: result for result in run}
    assert answered.keys() == written.keys()
    for name, row in written.items():
        result = answered[name]
        value = result.predictions[0]
        assert result.error is None
        assert result.model_version == row["model_version"] == "1"
        np.testing.assert_allclose(
            [value.value, value.lower, value.upper], [row["value"], row["lower"], row["upper"]], rtol=1e-4, atol=1e-5
        )
        assert result.review.verdict == row["review"]


def test_models_of_two_substrates_answer_at_once_and_say_what_they_stand_on(
    tenant_product: Product, tenant: Client
) -> None:
    cells = tenant_product.home / "candidates.jsonl"
    models = ("", f"{TENANT_OF_BEFORE}/old-gap", "substrate-mp:4")
    with ThreadPoolExecutor(len(models)) as pool:
        present, own, earlier = pool.map(lambda model: list(tenant.screen(cells, model=model)), models)
    assert [{one.model_version for one in run} for run in (present, own, earlier)] == [{"1000"}, {"1"}, {"4"}]
    assert all(one.error is None for run in (present, own, earlier) for one in run)
    values = [[one.predictions[0].value for one in sorted(run, key=lambda one: one.id)] for run in (present, earlier)]
    assert np.abs(np.subtract(*values)).max() > 1e-3
    old = tenant.get_model(f"{TENANT_OF_BEFORE}/old-gap").base
    assert (old.name, old.version, old.is_current) == ("substrate-mp", "4", False)


def test_another_version_of_before_can_be_asked_for_and_promoted(tenant: Client, tenant_product: Product) -> None:
    cells = tenant_product.home / "candidates.jsonl"
    pinned = tenant.predict(cells, model=f"{TENANT_OF_BEFORE}/old-gap:2")
    assert {result.model_version for result in pinned} == {"2"}
    changed = tenant.promote_model("old-gap", "2", override_reason="still known")
    assert (changed.version, changed.previous_version) == ("2", "1")
    changed = tenant.rollback_model("old-gap", reason="back to what it was")
    assert (changed.version, changed.previous_version) == ("1", "2")


def test_jobs_of_before_can_be_listed_and_their_reports_opened(tenant: Client) -> None:
    jobs = list(tenant.finetune_jobs())
    assert [(job.model, job.state) for job in jobs] == [
        ("old-late", "SUCCEEDED"),
        ("old-cancelled", "CANCELLED"),
        ("old-gap", "SUCCEEDED"),
        ("old-gap", "SUCCEEDED"),
    ]
    assert jobs[-1].result is not None
    assert jobs[-1].result.verdict == "HELPS"
    report = tenant.finetune_job(jobs[-1].id).report()
    assert report["verdict"]["transfer"] == "HELPS"
    events = list(tenant.finetune_job(jobs[-1].id).watch())
    assert events[-1].state == "SUCCEEDED"


def test_decisions_and_measurements_of_before_are_still_on_record(tenant: Client) -> None:
    actions = [entry.action for entry in tenant.audit_log("old-gap")]
    assert actions[-4:] == ["POLICY", "ROLLBACK", "PROMOTE", "PROMOTE"]
    health = tenant.model_health(f"{TENANT_OF_BEFORE}/old-gap:1").properties[0]
    assert (health.n_total, health.n_measurements) == (30, 30)


def test_a_model_of_before_is_refitted_on_the_present_substrate(tenant: Client) -> None:
    job = tenant.refit_model("old-gap:2", max_seconds=60)
    result = job.wait(timeout=500)
    assert job.status.refit_of == "2"
    told = result.succession
    assert (told.base_model, told.model_version) == ("substrate-mp:4", "2")
    # The report of then has the same figure: the process, the labels and the splits are the same.
    assert told.mae == pytest.approx(0.494, rel=0.02)
    assert told.n_splits >= 5
    assert told.gain == pytest.approx(told.mae - told.new_mae)
    assert job.report()["succession"]["verdict"] == told.verdict
    card = tenant.get_model(f"{TENANT_OF_BEFORE}/old-gap:{result.model_version}")
    assert (card.base.version, card.base.is_current) == ("1000", True)
