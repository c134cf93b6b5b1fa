"""Golden predictions: what a checkpoint answered when it was recorded, to be answered again on any machine."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.ensembles.readout import CalibratedReadout
from epitaxy_models.errors import CheckpointError
from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.structures.structure import Structure

GOLDEN_COVERAGE = 0.9
# Float32 sums differ between processors in the fifth digit at most; units are those of the property, eV here.
ABSOLUTE_TOLERANCE = 1e-3
RELATIVE_TOLERANCE = 1e-4
# Share of held-out structures.
SCORE_TOLERANCE = 1e-3

_RecordT = TypeVar("_RecordT")
_ARRAYS = ("values", "epistemic_std", "aleatoric_std", "lower", "upper")


def read_record(kind: type[_RecordT], path: Path) -> _RecordT:
    """A record that `write_record` wrote. Raises CheckpointError if the file is missing or not one."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return kind(**(record | {"properties": tuple(record["properties"])}))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} holds no golden record: {error}", reason="UNREADABLE_GOLDEN_RECORD") from error


def write_record(record: Any, path: Path) -> None:
    """Writes a record, which is a dataclass, as JSON that a reviewer can read."""
    path.write_text(json.dumps(asdict(record), indent=1) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class GoldenRecord:
    """Answers of one checkpoint on some crystals.

    Attributes:
        digest: Digest of weights and card.
        featurizer_version: Rule of the graphs.
        coverage: Nominal coverage of the intervals.
        properties: Names, in the card's order.
        answers: By crystal: values, standard deviations and interval ends of each property, domain score, verdict.
    """

    digest: str
    featurizer_version: str
    coverage: float
    properties: tuple[str, ...]
    answers: Mapping[str, Mapping[str, object]]

    @classmethod
    def of(cls, artifact: ModelArtifact, crystals: Mapping[str, Structure]) -> "GoldenRecord":
        """Asks a model about named crystals."""
        structures = list(crystals.values())
        graphs = [build_graph(structure, artifact.card.crystal_rule) for structure in structures]
        prediction = CalibratedReadout(artifact)(Embedder(artifact)(graphs), structures, GOLDEN_COVERAGE)
        answers: dict[str, dict[str, object]] = {}
        for row, (name, domain) in enumerate(zip(crystals, prediction.domains, strict=True)):
            numbers = {key: [round(float(x), 7) for x in getattr(prediction, key)[row]] for key in _ARRAYS}
            answers[name] = numbers | {"domain_score": round(domain.score, 4), "domain_verdict": domain.verdict.value}
        names = tuple(entry.definition.name for entry in artifact.card.properties)
        return cls(artifact.digest, artifact.card.rule.version, GOLDEN_COVERAGE, names, answers)

    @classmethod
    def read(cls, path: Path) -> "GoldenRecord":
        """Reads a record. Raises CheckpointError if the file is missing or not one."""
        return read_record(cls, path)

    def write(self, path: Path) -> None:
        """Writes a record as JSON that a reviewer can read."""
        write_record(self, path)

    def differences(self, other: "GoldenRecord") -> Sequence[str]:
        """One line for every number that moved beyond the tolerances and every verdict that changed."""
        return [line for name, expected in self.answers.items() for line in _moved(name, expected, other.answers[name])]


def _moved(name: str, expected: Mapping[str, object], found: Mapping[str, object]) -> Iterator[str]:
    for key in _ARRAYS:
        if not np.allclose(_floats(found[key]), _floats(expected[key]), RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE):
            yield f"{name}: {key} was {expected[key]}, is {found[key]}"
    before, now = _floats(expected["domain_score"]), _floats(found["domain_score"])
    if abs(now - before) > SCORE_TOLERANCE:
        yield f"{name}: domain score was {before}, is {now}"
    # A score that moved within its tolerance may cross a threshold.
    if now == before and found["domain_verdict"] != expected["domain_verdict"]:
        yield f"{name}: verdict was {expected['domain_verdict']}, is {found['domain_verdict']}"


def _floats(values: object) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.asarray(values, dtype=np.float64)
