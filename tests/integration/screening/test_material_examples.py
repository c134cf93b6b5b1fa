"""The examples of materials without a crystal, run against the running product as a reader would."""

import re
import runpy
import sys
from pathlib import Path

import pytest
from product import Product

ROOT = Path(__file__).parents[3]
SHARED = ROOT.parent / "shared" / "data"


def printed(
    name: str, table: str, product: Product, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """What an example says about a table, with few labels."""
    path = SHARED / table
    if not path.exists():
        pytest.skip(f"the table {table} is not on this machine")
    options = [
        "--target",
        product.target,
        "--data",
        str(path),
        "--labels",
        "20",
        "--name",
        Path(name).stem.replace("_", "-"),
    ]
    patch.setattr(sys, "argv", [name, *options])
    runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
    return capsys.readouterr().out


@pytest.mark.stack
def test_a_glass_transition_is_learned_from_few_polymers(
    product: Product, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed("polymer_glass_transition.py", "poly_tg_exp.parquet", product, monkeypatch, capsys)
    assert "20 polymers to learn from, 60 to check on" in text
    found = re.search(r"on 60 unseen polymers: (\d+) K; of the median: (\d+) K", text)
    assert found is not None, text
    assert int(found[1]) < int(found[2]), "worse than a constant"
    assert re.search(r"90 % intervals cover \d+% of them", text)


@pytest.mark.stack
def test_a_yield_strength_is_asked_for_at_temperatures(
    product: Product, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed("alloy_yield_strength.py", "alloys_mpea.parquet", product, monkeypatch, capsys)
    curve = {int(degrees): float(value) for degrees, value in re.findall(r"(\d+) degC +(\d+) MPa, 90 %", text)}
    assert sorted(curve) == [25, 200, 400, 600, 800, 1000], text
    assert all(value > 0 for value in curve.values())


def test_without_a_table_an_example_says_what_to_give(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("polymer_glass_transition.py", "alloy_yield_strength.py"):
        monkeypatch.setattr(sys, "argv", [name])
        with pytest.raises(SystemExit, match=r"there is no \.\./shared/data/.*: give --data with your own table"):
            runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
