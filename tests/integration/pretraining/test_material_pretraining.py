"""Pretraining of molecules and compositions by the command, killed in between: as from one piece, and published."""

from pathlib import Path

import numpy as np
import pytest
import torch
from material_runs import MaterialRun

from epitaxy_models.substrates.compositional import CompositionSubstrate
from epitaxy_models.substrates.molecular import MolecularSubstrate
from epitaxy_models.testing.material_golden import MaterialGolden

pytestmark = [pytest.mark.pretraining, pytest.mark.timeout(1800)]
_LOADERS = {"molecule": MolecularSubstrate.load, "composition": CompositionSubstrate.load}


@pytest.mark.parametrize("kind", ["molecule", "composition"])
def test_a_killed_run_goes_on_and_publishes_what_an_uninterrupted_one_does(kind: str, tmp_path: Path) -> None:
    runs = {}
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
        runs[name] = MaterialRun(kind, tmp_path / name)
        built = runs[name].build(3_200)
        assert built.returncode == 0, built.stderr
        runs[name].configure(epochs=5)
    runs["killed"].kill_after_epoch(2)
    for run in runs.values():
        assert "published" in run.train()
    starts = [event["epoch"] for event in runs["killed"].events if event["event"] == "started"]
    assert starts[0] == 0
    assert 1 <= starts[-1] < 5, starts
    whole, killed = (run.folder / "run" / "members-0-1.pt" for run in runs.values())
    expected, found = (torch.load(path, weights_only=True)["network"] for path in (whole, killed))
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name].numpy(), value.numpy(), err_msg=name)
    substrate = _LOADERS[kind](runs["killed"].substrate)
    served = substrate.card.properties[0]
    assert served.metrics["mae"] < 0.5 * served.metrics["mean_absolute_deviation"]
    assert 0.8 <= served.measured_coverage <= 1
    golden = MaterialGolden.read(runs["whole"].substrate / "golden.json")
    assert not golden.differences(MaterialGolden.of(substrate, kind, list(golden.answers)))
