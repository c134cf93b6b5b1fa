import socket
import threading
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from epitaxy.client import (
    COLUMNS,
    InvalidRequestError,
    NotFoundError,
    RunSummary,
    ServerFaultError,
    UnauthenticatedError,
    UnavailableError,
)


def crystals(count: int, prefix: str = "c") -> Iterator[tuple[str, Any]]:
    """Crystals that differ, with ids that tell their place."""
    for index in range(count):
        yield f"{prefix}{index}", (np.eye(3) * (3 + index / 1000), [11, 17], [[0, 0, 0], [0.5, 0.5, 0.5]])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_every_structure_is_answered_once_though_answers_come_out_of_order(connect: Any, target: str) -> None:
    with connect(target) as client:
        results = list(client.screen(crystals(100), chunk_size=10))
    assert [result.index for result in results] != list(range(100))
    assert sorted(result.index for result in results) == list(range(100))
    assert all(result.id == f"c{result.index}" for result in results)


def test_a_result_carries_value_interval_calibration_domain_and_model(connect: Any, target: str) -> None:
    with connect(target) as client:
        (result,) = client.screen(crystals(1), ["band_gap"], coverage=0.8)
    gap = result["band_gap"]
    assert (gap.unit, gap.coverage, gap.fidelity, gap.level_of_theory) == ("eV", 0.8, "PBE", "PBE, 2018")
    assert gap.lower == pytest.approx(gap.value - 0.5)
    assert gap.calibration.n_calibration == 100
    assert (result.formula, result.n_sites, result.domain_verdict) == ("NaCl", 2, "IN_DOMAIN")
    assert (result.model, result.model_version, result.model_digest[:7]) == ("substrate", "1", "sha256:")
    with pytest.raises(KeyError, match="hardness"):
        result["hardness"]


def test_the_same_structures_get_the_same_values_whatever_the_chunks(connect: Any, target: str) -> None:
    with connect(target) as client:
        small = {one.id: one.predictions for one in client.screen(crystals(20), chunk_size=3)}
        large = {one.id: one.predictions for one in client.screen(crystals(20), chunk_size=512)}
    assert small == large


def test_a_dropped_connection_loses_no_structure_and_repeats_none(connect: Any, target: str, faults: Any) -> None:
    faults.drop_after_messages, faults.drops_left = 3, 2
    with connect(target) as client:
        run = client.screen(crystals(100), chunk_size=5)
        results = list(run)
    assert sorted(result.index for result in results) == list(range(100))
    assert faults.n_screens == 3
    assert run.summary.answered == 100


def test_a_restarted_server_is_found_again(connect: Any, small_server: ModuleType, faults: Any) -> None:
    port = free_port()
    faults.delay_seconds = 0.02
    results = []
    with connect(f"127.0.0.1:{port}") as client:
        with small_server.serving_in_thread(faults, port):
            run = client.screen(crystals(400), chunk_size=5)
            results += [next(run) for _ in range(50)]
        with small_server.serving_in_thread(faults, port):
            results += list(run)
    assert sorted(result.index for result in results) == list(range(400))


def test_a_stream_that_falls_silent_is_opened_again_and_given_up_in_the_end(
    connect: Any, target: str, faults: Any
) -> None:
    faults.is_mute = True
    with (
        connect(target, patience=0.2) as client,
        pytest.raises(UnavailableError, match=r"no answer for 0\.2 s"),
    ):
        list(client.screen(crystals(3)))
    assert faults.n_screens == 4


def test_a_passing_error_of_one_structure_is_tried_again(connect: Any, target: str) -> None:
    inputs = [*crystals(5), *crystals(2, "flaky")]
    with connect(target) as client:
        run = client.screen(inputs)
        results = {result.id: result for result in run}
    assert results["flaky0"].outcome == results["flaky1"].outcome == "answered"
    assert run.summary.answered == 7


def test_an_error_that_does_not_pass_is_reported_after_a_few_tries(connect: Any, target: str, faults: Any) -> None:
    with connect(target) as client:
        run = client.screen([*crystals(5), *crystals(1, "lost")])
        results = {result.id: result for result in run}
    assert results["lost0"].outcome == "failed"
    assert results["lost0"].error is not None
    assert results["lost0"].error.retryable
    assert faults.seen_ids["lost0"] == 4
    assert (run.summary.answered, run.summary.failed) == (5, 1)


def test_refusals_of_client_and_server_come_in_the_same_stream(connect: Any, target: str, faults: Any) -> None:
    broken = ("broken", (np.eye(3), ["Qq"], [[0, 0, 0]]))
    with connect(target) as client:
        run = client.screen([*crystals(3), broken, *crystals(1, "bad")])
        results = {result.id: result for result in run}
    assert results["bad0"].error is not None
    assert results["bad0"].error.reason == "PARTIAL_OCCUPANCY"
    assert results["broken"].error is not None
    assert results["broken"].error.reason == "UNKNOWN_ELEMENT"
    assert faults.seen_ids["broken"] == 0
    assert run.summary.errors_by_reason == {"PARTIAL_OCCUPANCY": 1, "UNKNOWN_ELEMENT": 1}


def test_inputs_that_the_client_refuses_need_no_server(connect: Any) -> None:
    broken = (np.eye(3), ["Qq"], [[0, 0, 0]])
    with connect(f"127.0.0.1:{free_port()}") as client:
        results = list(client.screen([broken] * 1000))
    assert [result.index for result in results] == list(range(1000))


def test_inputs_of_one_id_are_told_apart(connect: Any, target: str, faults: Any) -> None:
    inputs = [("same", crystal) for _, crystal in crystals(7)]
    with connect(target) as client:
        results = sorted(client.screen(inputs), key=lambda result: result.index)
        apart = [client.predict(crystal)[0].predictions for _, crystal in crystals(7)]
    assert [result.id for result in results] == ["same"] * 7
    assert [result.predictions for result in results] == apart
    assert faults.seen_ids["same"] == 1


def test_no_more_is_read_than_the_window_holds(connect: Any, target: str) -> None:
    n_read = 0

    def inputs() -> Iterator[Any]:
        nonlocal n_read
        for crystal in crystals(100_000):
            n_read += 1
            yield crystal

    with connect(target) as client, client.screen(inputs(), chunk_size=10) as run:
        for _ in range(50):
            next(run)
    assert n_read <= 50 + 17 * 10


def test_answers_come_while_the_input_is_still_read(connect: Any, target: str) -> None:
    def slow_inputs() -> Iterator[Any]:
        for crystal in crystals(1000):
            time.sleep(0.005)
            yield crystal

    with connect(target) as client, client.screen(slow_inputs(), chunk_size=10) as run:
        began = time.monotonic()
        next(run)
        assert time.monotonic() - began < 2.0


def test_an_exception_of_the_input_reaches_the_caller(connect: Any, target: str) -> None:
    def broken_inputs() -> Iterator[Any]:
        yield from crystals(30)
        raise RuntimeError("the disk is gone")

    with connect(target) as client, pytest.raises(RuntimeError, match="the disk is gone"):
        list(client.screen(broken_inputs(), chunk_size=10))


def test_leaving_early_ends_the_stream_and_its_threads(connect: Any, target: str) -> None:
    with connect(target) as client:
        with client.screen(crystals(10_000), chunk_size=10) as run:
            next(run)
        assert next(run, None) is None
    assert not [thread for thread in threading.enumerate() if thread.name == "epitaxy-screen"]


def test_progress_is_told_with_the_total(connect: Any, target: str, rock_salt: Any) -> None:
    told: list[RunSummary] = []
    with connect(target) as client:
        list(client.screen({f"c{index}": rock_salt for index in range(30)}, chunk_size=10, on_progress=told.append))
    assert [summary.n_done for summary in told] == [10, 20, 30]
    assert {summary.total for summary in told} == {30}


def test_to_pandas_is_in_input_order_with_a_row_an_input_and_property(connect: Any, target: str) -> None:
    with connect(target) as client:
        run = client.screen([*crystals(40), *crystals(1, "bad")], ["band_gap", "formation_energy"], chunk_size=4)
        table = run.to_pandas()
    assert tuple(table.columns) == COLUMNS
    assert list(table["id"]) == [f"c{index}" for index in range(40) for _ in range(2)] + ["bad0"]
    assert table["property"].isna().sum() == 1
    assert table["error_reason"].dropna().tolist() == ["PARTIAL_OCCUPANCY"]
    assert table["value"].dtype == "float64"
    assert table["cache_hit"].dtype == "boolean"


def test_to_pandas_after_iterating_is_refused_instead_of_short(connect: Any, target: str) -> None:
    with connect(target) as client, client.screen(crystals(10)) as run:
        next(run)
        with pytest.raises(InvalidRequestError, match="not both"):
            run.to_pandas()


def test_large_texts_are_spread_over_messages(connect: Any, target: str, faults: Any, tmp_path: Any) -> None:
    for index in range(8):
        (tmp_path / f"c{index}.cif").write_text("data_\n" + "#" * (1 << 20))
    with connect(target) as client:  # the server takes gRPC's 4 MiB a message
        results = list(client.screen(tmp_path))
    assert sorted(result.id for result in results) == [f"c{index}" for index in range(8)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"coverage": 0.3}, r"coverage is 0\.3"),
        ({"chunk_size": 513}, "chunk_size is 513"),
        ({"model": "a@b:c"}, "write NAME, NAME@ALIAS or NAME:VERSION"),
    ],
)
def test_options_out_of_range_fail_before_anything_is_sent(connect: Any, options: Any, message: str) -> None:
    with connect("127.0.0.1:1") as client, pytest.raises(InvalidRequestError, match=message):
        client.screen(crystals(1), **options)


def test_an_unknown_property_is_a_mistake_of_the_request_with_its_id(connect: Any, target: str) -> None:
    with connect(target) as client, pytest.raises(InvalidRequestError, match="unknown property hardness") as caught:
        list(client.screen(crystals(1), ["hardness"]))
    assert len(caught.value.request_id) == 32


def test_a_server_that_is_not_there_is_said_soon_with_what_to_do(connect: Any) -> None:
    began = time.monotonic()
    with connect(f"127.0.0.1:{free_port()}") as client:
        with pytest.raises(UnavailableError, match="start one with `epitaxy serve`"):
            list(client.screen(crystals(1)))
        with pytest.raises(UnavailableError, match="is the server running"):
            client.list_models()
        assert not client.is_ready()
    assert time.monotonic() - began < 15


def test_the_key_goes_as_a_bearer_token(
    connect: Any, target: str, faults: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults.required_key = "secret"
    with connect(target) as client, pytest.raises(UnauthenticatedError, match="EPITAXY_API_KEY"):
        list(client.screen(crystals(1)))
    monkeypatch.setenv("EPITAXY_API_KEY", "secret\n")
    monkeypatch.setenv("EPITAXY_TARGET", target)
    with connect() as client:
        assert len(list(client.screen(crystals(1)))) == 1
        assert "secret" not in repr(client._connection)


def test_calls_answer_in_input_order(connect: Any, target: str) -> None:
    broken = ("broken", (np.eye(3), ["Qq"], [[0, 0, 0]]))
    inputs = [*crystals(70), broken, *crystals(1, "bad")]
    with connect(target) as client:
        results = client.predict(inputs)
        reports = list(client.validate(inputs))
        embeddings = list(client.embed(inputs))
    ids = [f"c{index}" for index in range(70)] + ["broken", "bad0"]
    assert [one.id for one in results] == [one.id for one in reports] == [one.id for one in embeddings] == ids
    assert [one.outcome for one in results[-3:]] == ["answered", "refused", "refused"]
    assert (reports[0].formula, reports[0].repairs[0].code) == ("NaCl", "WRAPPED_COORDINATES")
    assert [report.error is None for report in reports[-3:]] == [True, False, False]
    assert embeddings[0].embedding is not None
    assert embeddings[0].embedding.dtype == np.float32
    assert embeddings[0].embedding.shape == (4,)
    assert embeddings[-1].embedding is None


def test_models_are_listed_over_all_pages_and_found_by_name(connect: Any, target: str) -> None:
    with connect(target) as client:
        assert [card.name for card in client.list_models()] == ["substrate", "film"]
        card = client.get_model("film@champion")
        assert card.properties[0].metrics == {"test_mae": 0.1}
        assert (card.properties[0].lower_bound, card.properties[0].upper_bound) == (0.0, None)
        with pytest.raises(NotFoundError, match="no model 'nacre'"):
            client.get_model("nacre")


@pytest.mark.parametrize("is_healthy", [True, False])
def test_readiness_is_the_servers_health(connect: Any, small_server: ModuleType, faults: Any, is_healthy: bool) -> None:
    with (
        small_server.serving_in_thread(faults, is_healthy=is_healthy) as target,
        connect(target) as client,
    ):
        assert client.is_ready() is is_healthy


def test_a_fault_of_the_server_is_no_fault_of_the_caller(connect: Any, target: str, faults: Any) -> None:
    faults.delay_seconds = None  # sleeping for None raises in the server
    with connect(target) as client, pytest.raises(ServerFaultError, match="request"):
        client.predict(crystals(1))
