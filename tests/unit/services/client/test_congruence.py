"""Both clients are one: the same methods, texts, results and errors."""

import inspect
import math
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import driven
import finetune_server
import measurement_server
import numpy as np
import pytest
import small_server

import epitaxy.client as public
from epitaxy.client import (
    AsyncClient,
    AsyncFineTuneJob,
    AsyncScreenRun,
    AsyncSearchRun,
    Client,
    EpitaxyClientError,
    FineTuneJob,
    ReviewPolicy,
    ScreenRun,
    SearchRun,
)
from epitaxy.client.finetune.async_calls import AsyncFineTuneCalls
from epitaxy.client.finetune.calls import FineTuneCalls
from epitaxy.gateway.server import Gateway
from epitaxy.gateway.settings import GatewaySettings

PAIRS = [
    (AsyncClient, Client),
    (AsyncScreenRun, ScreenRun),
    (AsyncSearchRun, SearchRun),
    (AsyncFineTuneJob, FineTuneJob),
]
ASYNC_NAMES = {"aclose": "close", "__aenter__": "__enter__", "__aexit__": "__exit__", "__anext__": "__next__"}
# Words that a signature of the client for asyncio has and the blocking one's has not.
ASYNC_WORDS = re.compile(r"\b(Async(?=[A-Z])|async_)")

_tenants = (f"both-{number}" for number in count())


def methods_of(kind: type) -> dict[str, Any]:
    """Public methods and properties by the blocking client's name, with what makes an object a context or iterator."""
    names = (name for name in dir(kind) if not name.startswith("_") or name in {*ASYNC_NAMES, *ASYNC_NAMES.values()})
    return {ASYNC_NAMES.get(name, name): inspect.getattr_static(kind, name) for name in names}


def signature_of(method: Any) -> str:
    function = method.fget if isinstance(method, property) else method
    return ASYNC_WORDS.sub("", str(inspect.signature(function)))


@pytest.mark.parametrize(("other", "blocking"), PAIRS)
def test_both_have_every_method_with_the_same_signature_and_docstring(other: type, blocking: type) -> None:
    theirs, ours = methods_of(other), methods_of(blocking)
    assert set(theirs) == set(ours)
    for name, method in ours.items():
        if name.startswith("__"):
            continue  # their own machinery defines some of them
        assert signature_of(theirs[name]) == signature_of(method), name
        assert inspect.getdoc(theirs[name]) == inspect.getdoc(method), name
    assert signature_of(other.__init__) == signature_of(blocking.__init__)  # type: ignore[misc]


@pytest.mark.parametrize("blocking", [blocking for _, blocking in PAIRS])
def test_every_public_method_documents_its_arguments(blocking: type) -> None:
    for name, method in methods_of(blocking).items():
        if name.startswith("__") or isinstance(method, property):
            continue
        doc = inspect.getdoc(method) or ""
        for argument in [one for one in inspect.signature(method).parameters if one != "self"]:
            assert re.search(rf"^ +{argument}: [A-Z`\"]", doc, re.MULTILINE), f"{name} does not document {argument}"


def test_every_public_value_documents_its_attributes() -> None:
    for name in public.__all__:
        kind = getattr(public, name)
        for attribute in getattr(kind, "__dataclass_fields__", {}):
            docs = [inspect.getdoc(one) or "" for one in kind.__mro__]
            assert any(re.search(rf"^ +{attribute}: ", doc, re.MULTILINE) for doc in docs), f"{name}.{attribute}"


def test_both_have_every_call_of_the_fine_tune_service() -> None:
    assert set(dir(FineTuneCalls)) == set(dir(AsyncFineTuneCalls))


# What both clients are asked, and what comes of it. A case takes a client and rows of labels.
def crystals(number: int, prefix: str = "c") -> list[tuple[str, Any]]:
    return [
        (f"{prefix}{index}", (np.eye(3) * (3 + index / 1000), [11, 17], [[0, 0, 0], [0.5, 0.5, 0.5]]))
        for index in range(number)
    ]


MIXED = [*crystals(70), ("broken", (np.eye(3), ["Qq"], [[0, 0, 0]])), *crystals(2, "bad"), *crystals(1, "odd")]


def by_index(results: Any) -> list[Any]:
    return sorted(results, key=lambda one: one.index)


def embeddings(client: Any) -> list[Any]:
    return [
        (one.id, one.index, one.model_digest, one.error, None if one.embedding is None else one.embedding.tolist())
        for one in client.embed(MIXED)
    ]


def table(client: Any) -> Any:
    return client.screen(MIXED, ["band_gap"], chunk_size=7, coverage=0.8).to_pandas().to_dict("records")


def summary(client: Any) -> Any:
    told: list[Any] = []
    run = client.screen(dict(MIXED), chunk_size=10, on_progress=told.append)
    results = by_index(run)
    assert told[-1].total == len(MIXED)
    kept = run.summary
    return results, (kept.answered, kept.refused, kept.failed, kept.errors_by_reason, kept.domain_verdicts, kept.total)


PREDICTION_CASES: dict[str, Callable[[Any], Any]] = {
    "screen": summary,
    "screen to pandas": table,
    "screen twice": lambda client: [next(run := client.screen(MIXED)), run.to_pandas()],
    "screen of an unknown property": lambda client: list(client.screen(MIXED, "hardness")),
    "screen of a bad coverage": lambda client: client.screen(MIXED, coverage=0.3),
    "screen of a bad chunk size": lambda client: client.screen(MIXED, chunk_size=0),
    "screen of a bad path": lambda client: client.screen("no/such/folder"),
    "screen of a bad model": lambda client: client.screen(MIXED, model="a@b:c"),
    "predict": lambda client: client.predict(MIXED, ["band_gap", "formation_energy"], coverage=0.8),
    "predict of known values": lambda client: client.predict(crystals(2), known={"gap": [1.0, float("inf")]}),
    "predict of an unknown property": lambda client: client.predict(MIXED, "hardness"),
    "predict of a bad path": lambda client: client.predict("no/such/folder"),
    "predict of no structures": lambda client: client.predict(3.5),
    "search": lambda client: list(client.search(MIXED, 1, "band_gap:max")),
    "search of more than a goal": lambda client: client.search(MIXED, 1, "band_gap:max:lower:upper"),
    "embed": embeddings,
    "embed of a bad model": lambda client: list(client.embed(MIXED, "a@b:c")),
    "explain": lambda client: client.explain(MIXED[-4:], "band_gap", n_nearest=2),
    "explain of too many neighbours": lambda client: client.explain(MIXED, n_nearest=21),
    "explain of an unknown property": lambda client: client.explain(MIXED[:1], "hardness"),
    "validate": lambda client: list(client.validate(MIXED)),
    "list_models": lambda client: client.list_models(),
    "get_model": lambda client: client.get_model("film@champion"),
    "get_model of an unknown name": lambda client: client.get_model("nacre"),
    "is_ready": lambda client: client.is_ready(),
}


def outcome(case: Callable[..., Any], *arguments: Any) -> Any:
    """What came of a case: its result, or its error without the ids of call, job and tenant."""
    try:
        return case(*arguments)
    except EpitaxyClientError as error:
        return type(error), error.reason, re.sub(r"[0-9a-f]{32}|both-\d+", "ID", error.message), bool(error.request_id)


def comparable(value: Any) -> Any:
    """NaN equals itself here."""
    if isinstance(value, dict):
        return {key: comparable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [comparable(one) for one in value]
    return "nan" if isinstance(value, float) and math.isnan(value) else value


@pytest.fixture(scope="module")
def loop() -> Iterator[driven.LoopThread]:
    loop = driven.LoopThread()
    yield loop
    loop.stop()


@pytest.fixture
def both(loop: driven.LoopThread, target: str) -> Iterator[tuple[Any, Any]]:
    with Client(target) as blocking, driven.Driven.connect(loop, target) as other:
        yield blocking, other


@pytest.mark.parametrize("name", PREDICTION_CASES)
def test_predictions_and_models_are_the_same(both: tuple[Any, Any], name: str) -> None:
    blocking, other = (comparable(outcome(PREDICTION_CASES[name], client)) for client in both)
    assert blocking == other
    assert blocking not in ([], None)


def lived(client: Any, rows: Any, folder: Path) -> list[Any]:
    """The whole life of a model; ids and times, which differ by nature, are left out."""
    told: list[Any] = []
    job = client.finetune(rows, column="tc_k", unit="K", name="my-tc", seed=3)
    result = job.wait(200, told.append)
    assert client.finetune_job("my-tc").id == job.id == client.finetune_job(job.id).id
    second = client.finetune(rows[:25], column="tc_k", unit="K", name="my-tc")
    watched = [event.sequence for event in second.watch()]
    policy = ReviewPolicy({"tc": 3.0}, 0.8, 0.97, "REJECT", (48, 82))
    report = job.report()
    return [
        strip(result),
        [(event.state, event.progress.message, event.progress.metrics) for event in told],
        strip(job.refresh()),
        report["verdict"],
        sorted(report),
        len(job.report_bytes("html")),
        job.save_report(folder / "report.json").stat().st_size,
        watched == list(range(1, len(watched) + 1)),
        strip(second.wait(200)),
        [strip(one) for one in client.finetune_jobs("my-tc")],
        [strip(job.promote()), strip(client.promote_model("my-tc", "2")), strip(client.rollback_model("my-tc", "no"))],
        client.set_review_policy("my-tc", policy, "limits"),
        strip(job.cancel()),
        [(entry.action, entry.model, entry.version, entry.reason) for entry in client.audit_log()],
        outcome(lambda: client.rollback_model("my-tc")),
        outcome(lambda: client.promote_model("nothing")),
        outcome(lambda: client.finetune_job("nothing")),
        outcome(lambda: client.set_review_policy("my-tc", ReviewPolicy({"gap": 1.0}))),
        outcome(lambda: client.delete_tenant_data(confirm=False)),
        outcome(lambda: client.finetune(rows[:7], column="tc_k", unit="K", name="my-tc")),
        outcome(lambda: client.finetune("no/such/table.csv", column="tc_k", unit="K", name="my-tc")),
        strip(client.refit_model("my-tc", data=rows[:25]).wait(200)),
        outcome(lambda: client.refit_model("nothing")),
        client.delete_tenant_data(confirm=True),
        list(client.finetune_jobs()),
    ]


def strip(value: Any) -> str:
    """An object as text, without ids, digests, times and the tenant."""
    text = re.sub(r"datetime\.datetime\([^)]*(\([^)]*\))?[^)]*\)|sha256:[0-9a-f]+|both-\d+", "X", repr(value))
    return re.sub(r"\bid='[^']+'", "id", text)


def test_the_life_of_a_fine_tuned_model_is_the_same(loop: driven.LoopThread, tmp_path: Path) -> None:
    rows = list(finetune_server.crystals(30))
    lives = []
    with finetune_server.serving_finetune(tmp_path) as (target, _):
        with Client(target, next(_tenants)) as blocking:
            lives.append(lived(blocking, rows, tmp_path))
        with driven.Driven.connect(loop, target, next(_tenants)) as other:
            lives.append(lived(other, rows, tmp_path))
    for blocking_part, other_part in zip(*lives, strict=True):
        assert blocking_part == other_part


def measured(client: Any, rows: Any) -> list[Any]:
    told: list[Any] = []
    rows = [*rows, rows[0] | {"id": "broken", "structure": "no structure"}, rows[0] | {"id": "bad"}]
    made = client.report_measurements(
        rows, unit="K", value="tc_k", property="tc", on_progress=lambda *numbers: told.append(numbers)
    )
    health = client.model_health()
    return [
        made.results,
        told,
        strip(made.health),
        strip(health),
        health.properties[0].in_words(),
        outcome(lambda: client.report_measurements(rows[:1], unit="meV", value="tc_k")),
        outcome(lambda: client.report_measurements(rows[:1], unit="K", value="nothing")),
    ]


def test_measurements_are_the_same(loop: driven.LoopThread, tmp_path: Path) -> None:
    rows = measurement_server.rows(70)
    with measurement_server.serving_in_thread(tmp_path, measurement_server.Seen()) as target:
        with Client(target, next(_tenants)) as blocking:
            ours = measured(blocking, rows)
        with driven.Driven.connect(loop, target, next(_tenants)) as other:
            assert measured(other, rows) == ours


def administered(client: Any) -> list[Any]:
    """Of a gateway without any service behind it; what comes of the calls with one is tested beside the service."""
    began = datetime(2026, 1, 1)  # a time without a zone is one in UTC
    return [
        client.limits(),
        outcome(lambda: list(client.audit_records("acme", since=began, after=3))),
        outcome(lambda: client.promote_tenant_model("acme", "my-tc", "2", "agreed")),
        outcome(lambda: client.delete_tenant("ACME", confirm=True)),
        outcome(lambda: client.delete_tenant("acme", confirm=True)),
    ]


@asynccontextmanager
async def gateway_alone() -> AsyncIterator[str]:
    settings = GatewaySettings(port=0, metrics_port=0, upstream="127.0.0.1:1", shutdown_grace_seconds=0.1)
    async with Gateway(settings) as gateway:
        yield gateway.address


def test_limits_and_administration_are_the_same(loop: driven.LoopThread) -> None:
    with small_server.in_thread(gateway_alone()) as target:
        with Client(target) as blocking:
            ours = administered(blocking)
        with driven.Driven.connect(loop, target) as other:
            assert administered(other) == ours
    assert ours[0].key.scopes == ("admin", "campaigns", "consortium", "finetune", "predict")
    assert [one[1] for one in ours[1:]] == [
        "FINETUNE_NOT_CONFIGURED", "FINETUNE_NOT_CONFIGURED", "INVALID_REQUEST", "FINETUNE_NOT_CONFIGURED",
    ]  # fmt: skip


def test_the_cases_leave_no_method_out() -> None:
    cases = (lived, measured, administered)
    text = "".join(inspect.getsource(case) for case in cases) + " ".join(PREDICTION_CASES)
    left_out = {name for name in methods_of(Client) if not name.startswith("__") and name not in text}
    assert left_out == {"close", "target"}
    left_out = {name for name in methods_of(FineTuneJob) if not name.startswith("__") and f".{name}(" not in text}
    assert left_out == {"id", "result"}
