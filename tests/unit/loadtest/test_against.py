"""Two builds in turns: order, ratios, equality of answers, another commit's tree."""

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from loadtest.bench.against import asker, legs, report
from loadtest.bench.against.build import Asked
from loadtest.bench.against.checkout import checkout, environment_of, resolved
from loadtest.bench.hand import Hand
from loadtest.corpus import crystals
from loadtest.crew import Timing

STRUCTURES = crystals(None, 6)
HANDS = [Hand([Path(f"{row}.cif") for row in range(6)], [1] * 6, STRUCTURES)] * 3


class FakeBuild:
    """Answers at a rate, off by so much."""

    def __init__(self, name: str, rate: float, order: list[str], off: float = 0.0) -> None:
        self.name, self.rate, self.order, self.off = name, rate, order, off
        self.stack_cpu_seconds = 0.0

    def hold(self, name: str, inputs: Any) -> None: ...

    def ask(self, way: str, name: str, count: int, **options: Any) -> Asked:
        self.order.append(self.name)
        answers = {str(row): [(2.0 + self.off, 1.0, 3.0, 0.1)] for row in range(options.get("k", count))}
        return Asked(Timing(count, count / self.rate, 0.06), 0, None if way == "table" else answers)


def compared(off: float = 0.0) -> tuple[legs.Compared, list[str]]:
    order: list[str] = []
    new, old = FakeBuild("new", 3000, order, off), FakeBuild("old", 1500, order)
    return legs.compare(new, old, HANDS, lambda _: None), order


def test_builds_take_turns_at_going_first_and_ratios_are_within_a_round() -> None:
    found, order = compared()
    assert order[:2] == ["old", "new"]  # the warm-up, which counts for nothing
    rounds = order[2 * len(legs.ROWS) :]
    assert rounds[0] == "new"
    assert rounds[2 * len(legs.ROWS)] == "old"
    assert found.ratio(legs.ROWS[0], "new", "old").median == pytest.approx(2.0)
    assert len(found.rates["CIF, cold"]["new"]) == 2


def test_answers_that_differ_are_named() -> None:
    assert not compared(off=1e-6)[0].unequal  # relative to 2
    found, _ = compared(off=3e-6)
    assert found.unequal == {str(row) for row in range(6)}
    assert found.worst == pytest.approx(1.5, rel=1e-3)
    one = Asked(Timing(1, 1.0, 1.0), 0, {"a": [(1.0,)], "b": [(float("nan"),)]})
    other = Asked(Timing(1, 1.0, 1.0), 0, {"b": [(1.0,)]})
    found.unequal.clear()
    found.check_equal(one, other)
    assert found.unequal == {"a", "b"}


def test_the_table_says_what_was_met_and_what_was_missed() -> None:
    found, order = compared()
    new, old = FakeBuild("new", 12_000, order), FakeBuild("old", 1500, order)
    legs.hunt(new, old, STRUCTURES, found, lambda _: None)
    record = report.record_of(found, "new", "old")
    verdicts = {row["name"]: row["verdict"] for row in record["rows"]}
    assert verdicts["CIF, cold"] == "met"
    assert verdicts["packed, warm"] == ""
    assert verdicts["packed, warm, as a table"] == "missed"
    assert verdicts["best 1 % by band_gap:max"] == "met"
    assert report.is_missed(record)
    found.recalls["best 1 % by band_gap:max"] = 0.98
    missed = {row["name"]: row["verdict"] for row in report.record_of(found, "new", "old")["rows"]}
    assert missed["best 1 % by band_gap:max"] == "missed"
    whole = {"record": {"versions": {}, "measured_at": "", "machine": "", "load_before": 0}, "source": "", **record}
    text = report.markdown({**whole, "rounds": 2, "structures_a_round": 12})
    assert "| CIF, cold | 1500 (1500 to 1500) | 3000 (3000 to 3000) | 2.00 (2.00 to 2.00) | ≥ 1.5 | met |" in text
    assert "best 1 % by band_gap:max, recall 1.000" in text


def test_a_build_without_a_search_sorts_all_of_its_answers() -> None:
    class Answers(list[Any]):
        def __enter__(self) -> "Answers":
            return self

        def __exit__(self, *_: object) -> None: ...

    rows = Answers(_Result(name, value) for name, value in (("low", 0.1), ("high", 3.0), ("middle", 1.0)))
    client = SimpleNamespace(screen=lambda inputs, **options: rows)
    found = asker.ask(client, "best", [], {"k": 2, "by": "band_gap:max"})  # type: ignore[arg-type]
    assert list(found["answers"]) == ["high", "middle"]
    assert found["seconds"] >= 0
    assert list(asker.ask(client, "best", [], {"k": 1, "by": "band_gap:min"})["answers"]) == ["low"]  # type: ignore[arg-type]


class _Result:
    def __init__(self, name: str, value: float) -> None:
        self.id, self.error, self._value = name, None, value

    def __getitem__(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(value=self._value)


def test_another_commit_is_checked_out_beside_this_one_and_removed(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    git("init", "-q")
    (tmp_path / "file").write_text("old")
    git("add", "file")
    git("commit", "-qm", "old")
    old = resolved("HEAD", tmp_path)
    (tmp_path / "file").write_text("new")
    git("commit", "-qam", "new")
    with checkout(old, tmp_path) as tree:
        assert (tree / "file").read_text() == "old"
        assert environment_of(tree)["PYTHONPATH"].split(":")[0] == str(tree / "services")
    assert not tree.exists()
    listed = subprocess.run(
        ["git", "-C", str(tmp_path), "worktree", "list"], capture_output=True, text=True, check=True
    )
    assert len(listed.stdout.splitlines()) == 1
    with pytest.raises(ValueError, match="is no commit"):
        resolved("nowhere", tmp_path)
