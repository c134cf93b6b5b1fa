"""Labels that their owner should look at before anybody trusts a model of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class SuspicionKind(StrEnum):
    """What is odd. The first two are gross: a job stops for them unless its owner accepts them."""

    WRONG_UNIT = "WRONG_UNIT"
    """All labels fit another unit far better."""
    WILD = "WILD"
    """No natural spread explains the label."""
    OUTLIER = "OUTLIER"
    """Far from the others and from what they say, as the tails of natural labels may be."""
    REPLICATES = "REPLICATES"
    """Labels of one crystal differ; their median is learned, and their spread is noise."""
    DOUBTFUL_STRUCTURE = "DOUBTFUL_STRUCTURE"
    """The crystal was chosen between contradictions, so that the label may not be its own."""

    @property
    def is_gross(self) -> bool:
        """Whether a job stops."""
        return self in {SuspicionKind.WRONG_UNIT, SuspicionKind.WILD}


@dataclass(frozen=True, slots=True)
class SuspiciousLabel:
    """One finding.

    Attributes:
        row: Position from 0; None for a finding about all labels.
        id: Name of the row; empty for a finding about all labels.
        value: The label; None for a finding about all labels, or about a structure.
        kind: What is odd.
        message: One line: row, value, and what is odd about it.
    """

    row: int | None
    id: str
    value: float | None
    kind: SuspicionKind
    message: str


_N_NAMED = 5


def named(suspicious: Sequence[SuspiciousLabel], n_named: int = _N_NAMED) -> str:
    """The first few findings in one line; empty where there are none."""
    more = len(suspicious) - n_named
    return "; ".join(entry.message for entry in suspicious[:n_named]) + (f"; and {more} more" if more > 0 else "")


def place_of(row: int, row_id: str) -> str:
    """How a message names a row."""
    return f"row {row}" if row_id == str(row) else f"row {row} ({row_id[:80]})"
