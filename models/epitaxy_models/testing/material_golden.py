"""Golden answers of the substrates of molecules and compositions, to be given again on any machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from epitaxy_models.substrates.substrate import Substrate
from epitaxy_models.testing.golden import GOLDEN_COVERAGE, read_record, write_record

# Float32 sums differ between processors; units reach from log10 to K, so that a value may move by a part of its
# interval and no more.
_SHARE_OF_WIDTH = 2e-3
_SCORE_TOLERANCE = 1e-3
_ENDS = ("values", "lower", "upper")


@dataclass(frozen=True, slots=True)
class MaterialGolden:
    """Answers of one substrate on some texts.

    Attributes:
        kind: Of the materials.
        digest: Of weights and card.
        properties: Names, in the card's order.
        answers: By text: key, values and interval ends of each property, domain score and verdict.
    """

    kind: str
    digest: str
    properties: tuple[str, ...]
    answers: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, substrate: Substrate[Any], kind: str, texts: Sequence[str]) -> "MaterialGolden":
        """Asks a substrate about texts."""
        materials = [substrate.intake(text) for text in texts]
        graphs = [substrate.featurize(material) for material in materials]
        prediction = substrate.predict(materials, graphs, substrate.embed(graphs), GOLDEN_COVERAGE)
        answers: dict[str, dict[str, Any]] = {}
        for row, (text, domain) in enumerate(zip(texts, prediction.domains, strict=True)):
            numbers = {name: [round(float(x), 5) for x in getattr(prediction, name)[row]] for name in _ENDS}
            verdict = {"domain_score": round(domain.score, 4), "domain_verdict": domain.verdict.value}
            answers[text] = {"key": substrate.key(materials[row]), **numbers, **verdict}
        names = tuple(entry.definition.name for entry in substrate.card.properties)
        return cls(kind, substrate.digest, names, answers)

    @classmethod
    def read(cls, path: Path) -> "MaterialGolden":
        """Reads a record. Raises CheckpointError if the file is missing or not one."""
        return read_record(cls, path)

    def write(self, path: Path) -> None:
        """Writes a record as JSON that a reviewer can read."""
        write_record(self, path)

    def differences(self, other: "MaterialGolden") -> list[str]:
        """One line for every answer that moved beyond the tolerances."""
        return [text for text, expected in self.answers.items() if not _is_close(expected, other.answers[text])]


def _is_close(expected: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    widths = np.array(expected["upper"]) - np.array(expected["lower"])
    moved = [np.abs(np.array(found[name]) - np.array(expected[name])) for name in _ENDS]
    is_near = bool((np.max(moved, axis=0) <= _SHARE_OF_WIDTH * widths + 1e-5).all())
    is_scored = abs(found["domain_score"] - expected["domain_score"]) <= _SCORE_TOLERANCE
    return is_near and is_scored and found["key"] == expected["key"]
