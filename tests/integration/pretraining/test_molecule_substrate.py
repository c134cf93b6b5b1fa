"""A small pretraining of molecules from a CSV file to answers of the serving room: what CI runs of it."""

import asyncio
import json
from pathlib import Path

import pytest
from material_runs import MaterialRun
from prediction_rig import CountedMetrics

from epitaxy.prediction.domain import Item, MaterialSource, Query, Refusal
from epitaxy.prediction.materials.services import MaterialServices
from epitaxy_models.materials import MaterialKind
from epitaxy_models.review import DEFAULT_POLICY
from epitaxy_models.substrates.material_catalogue import MaterialCatalogue
from epitaxy_models.substrates.molecular import MolecularSubstrate
from epitaxy_models.testing.material_golden import MaterialGolden

# It starts Ray by itself.
pytestmark = [pytest.mark.stack, pytest.mark.timeout(500)]
# logP by Crippen.
KNOWN = {"CCCCCCCCO": 2.34, "OCCCO": -0.64, "c1ccccc1CCCCBr": 3.62}


def test_a_csv_file_becomes_a_substrate_that_screens(tmp_path: Path) -> None:
    run = MaterialRun("molecule", tmp_path)
    built = run.build(2_900)
    assert built.returncode == 0, built.stderr
    run.configure(workers=1)
    output = run.train()
    assert "published substrate-molecule:smoke to substrate" in output
    substrate = MolecularSubstrate.load(run.substrate)
    (entry,) = substrate.card.properties
    assert entry.definition.name == "log_partition"
    assert entry.metrics["mae"] < 0.5 * entry.metrics["mean_absolute_deviation"]
    assert 0.8 <= entry.measured_coverage <= 1
    assert substrate.card.training_data.license == "none needed"
    golden = MaterialGolden.read(run.substrate / "golden.json")
    assert not golden.differences(MaterialGolden.of(substrate, "molecule", list(golden.answers)))
    assert len(golden.answers) == 10
    assert json.loads((run.folder / "run" / "run.json").read_text())["columns"] == list(substrate.card.heads)
    asyncio.run(_screen(run.substrate))


async def _screen(folder: Path) -> None:
    """The serving room has the substrate in the place of the shipped one."""
    metrics = CountedMetrics()
    catalogue = MaterialCatalogue({"substrate-molecule": folder})
    services = MaterialServices(lambda _: metrics, DEFAULT_POLICY, catalogue)
    service = await services.of_kind(MaterialKind.MOLECULE)
    assert service.label == "substrate-molecule:smoke"
    texts = [*KNOWN, "[Na+].[Cl-]", "O=C1c2c(cccc2)C(=O)N1C3CCC(=O)NC3=O", "CCCCCCCCO"]
    items = [Item(str(place), MaterialSource(MaterialKind.MOLECULE, text)) for place, text in enumerate(texts)]
    block = await service.evaluate(items, Query((0,), 0.9))
    refused = [answer.outcome for answer in block.answers if isinstance(answer.outcome, Refusal)]
    assert [refusal.reason for refusal in refused] == ["SALT"]
    values = block.prediction.values[:, 0]
    low, high = block.prediction.lower[:, 0], block.prediction.upper[:, 0]
    inside = [low[row] <= known <= high[row] for row, known in enumerate(KNOWN.values())]
    assert sum(inside) >= 2, (values, low, high)
    assert values[0] == values[-1]
    scores = [domain.score for domain in block.prediction.domains]
    assert scores[3] == max(scores), "thalidomide is unlike all made-up molecules"
    assert metrics.kinds[MaterialKind.MOLECULE, "answered"] == 5
