"""Every error class of the client survives the way to another process: a pool of workers sends it back pickled."""

import copy
import importlib
import pickle
import pkgutil

import pytest

import epitaxy.client
from epitaxy.client import errors


def subclasses_of(root: type[errors.EpitaxyClientError]) -> set[type[errors.EpitaxyClientError]]:
    direct = set(root.__subclasses__())
    return direct.union(*map(subclasses_of, direct))


@pytest.fixture(scope="module")
def classes() -> list[type[errors.EpitaxyClientError]]:
    for module in pkgutil.walk_packages(epitaxy.client.__path__, "epitaxy.client."):
        importlib.import_module(module.name)
    found = {kind for kind in subclasses_of(errors.EpitaxyClientError) if kind.__module__.startswith("epitaxy")}
    assert {"UnavailableError", "FineTuneFailedError"} <= {kind.__name__ for kind in found}
    return sorted(found | {errors.EpitaxyClientError}, key=lambda kind: kind.__qualname__)


@pytest.mark.parametrize("request_id", ["", "run-1"])
def test_an_error_survives_pickling_with_its_text_reason_and_request(classes: list, request_id: str) -> None:
    for kind in classes:
        sent = kind("do this", reason="A_REASON", request_id=request_id)
        copies = [pickle.loads(pickle.dumps(sent, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
        for received in [*copies, copy.copy(sent)]:
            assert type(received) is kind
            assert (received.message, received.reason, received.request_id) == ("do this", "A_REASON", request_id)
            assert vars(received) == vars(sent)
            assert str(received) == str(sent) == ("do this (request run-1)" if request_id else "do this")


def test_notes_of_an_error_survive_pickling() -> None:
    sent = errors.UnavailableError("start one", reason="UNAVAILABLE")
    sent.add_note("while file 3 was sent")
    assert pickle.loads(pickle.dumps(sent)).__notes__ == ["while file 3 was sent"]
