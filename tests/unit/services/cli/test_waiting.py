"""A command says what it waits for, and says nothing where the answer comes at once."""

import time

import pytest

from epitaxy.cli import waiting


def test_a_line_tells_what_is_awaited_until_an_answer_comes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(waiting, "_SECONDS_TO_FIRST_LINE", 0.05)
    with waiting.show_waiting("awaiting predictions", "a model is loaded"):
        pass
    assert capsys.readouterr().err == ""
    with waiting.show_waiting("awaiting predictions", "a model is loaded") as has_answered:
        end, told = time.monotonic() + 30, ""
        while not told and time.monotonic() < end:
            time.sleep(0.02)
            told = capsys.readouterr().err
        has_answered.set()
    assert told.startswith("awaiting predictions, ")
    assert told.endswith("a model is loaded\n")
