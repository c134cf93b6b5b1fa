"""The shipped model answers as it did when it was recorded."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.ensembles.artifact import ModelArtifact, load_artifact, shipped_model
from epitaxy_models.errors import CheckpointError
from epitaxy_models.testing import GoldenRecord
from epitaxy_models.testing.golden import ABSOLUTE_TOLERANCE

RECORD = Path(__file__).parent / "shipped_model.json"
HOW_TO_RECORD = "re-record with `python tests/golden/record.py`, look at the difference, commit it with the weights"


@pytest.fixture(scope="module")
def artifact() -> ModelArtifact:
    return load_artifact(shipped_model())


@pytest.fixture(scope="module")
def recorded() -> GoldenRecord:
    return GoldenRecord.read(RECORD)


def test_record_is_of_the_shipped_weights(artifact: ModelArtifact, recorded: GoldenRecord) -> None:
    assert recorded.digest == artifact.digest, f"the shipped model changed: {HOW_TO_RECORD}"
    assert recorded.featurizer_version == artifact.card.rule.version, f"the graph rule changed: {HOW_TO_RECORD}"
    assert recorded.properties == tuple(entry.definition.name for entry in artifact.card.properties), HOW_TO_RECORD


def test_shipped_model_answers_as_recorded(artifact: ModelArtifact, recorded: GoldenRecord) -> None:
    if recorded.digest != artifact.digest:
        pytest.fail(f"the record is of {recorded.digest}, the shipped model is {artifact.digest}: {HOW_TO_RECORD}")
    bundled = {crystal.identifier: crystal.structure for crystal in bundled_crystals()}
    assert len(recorded.answers) >= 12
    found = GoldenRecord.of(artifact, {name: bundled[name] for name in recorded.answers})
    moved = recorded.differences(found)
    assert not moved, "\n".join(moved)


def test_differences_name_what_moved_beyond_the_tolerance(recorded: GoldenRecord) -> None:
    name = next(iter(recorded.answers))
    answer = recorded.answers[name]

    def shifted(step: float) -> GoldenRecord:
        values = (np.array(answer["values"], dtype=float) + step).tolist()
        return replace(recorded, answers={**recorded.answers, name: {**answer, "values": values}})

    assert recorded.differences(shifted(0.5 * ABSOLUTE_TOLERANCE)) == []
    assert [line.partition(" was ")[0] for line in recorded.differences(shifted(0.1))] == [f"{name}: values"]
    foreign = replace(recorded, answers={**recorded.answers, name: {**answer, "domain_verdict": "ELSEWHERE"}})
    assert recorded.differences(foreign) == [f"{name}: verdict was {answer['domain_verdict']}, is ELSEWHERE"]


def test_record_reads_back_as_it_was_written(recorded: GoldenRecord, tmp_path: Path) -> None:
    recorded.write(tmp_path / "again.json")
    assert GoldenRecord.read(tmp_path / "again.json") == recorded


@pytest.mark.parametrize("text", ["{", json.dumps({"digest": "sha256:0"}), "[]"])
def test_damaged_record_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "damaged.json"
    path.write_text(text)
    with pytest.raises(CheckpointError, match="holds no golden record"):
        GoldenRecord.read(path)
