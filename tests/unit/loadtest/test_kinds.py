"""The bench of molecules, polymers and compositions: no material twice in cold runs, each kind in every round."""

from pathlib import Path

import pandas as pd

from loadtest.bench.kinds import KindOfInput, record, table
from loadtest.bench.rounds import Measured
from loadtest.bench.targets import judged
from loadtest.crew import Timing


def test_hands_have_no_material_in_common(tmp_path: Path) -> None:
    for name, texts in (("one", ["C", "CC", "CCC", "C"]), ("two", ["CC", "CCCC", "CCCCC", "CO"])):
        pd.DataFrame({"smiles": texts}).to_parquet(tmp_path / f"{name}.parquet")
    hands = KindOfInput("molecules", ("one", "two"), "smiles", str).hands(tmp_path, rounds=2, size=9)
    assert [len(hand) for hand in hands] == [2, 2, 2]
    assert len({text for hand in hands for text in hand}) == 6


def test_rates_of_kinds_are_told_and_judged() -> None:
    measured = Measured()
    measured.add("served, molecules, cold", Timing(3500, 1.0, 2.0))
    measured.add("served, compositions, cold", Timing(2500, 1.0, 2.0))
    verdicts = {target.name: target.verdict for target in judged(measured.rates, [])}
    assert (verdicts["molecules, cold"], verdicts["compositions, cold"]) == ("met", "missed")
    assert "| served, molecules, cold | 3500 (3500 to 3500) | 0.57 |" in table(measured)
    assert record(measured)["unanswered"] == 0
