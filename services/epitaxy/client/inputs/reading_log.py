"""What reading leaves out or decides, for the summary of a run."""

from collections.abc import Sequence
from dataclasses import dataclass, field

MAX_NAMED = 1000
"""Names that are kept of what is not read."""
_MAX_NOTES = 20


@dataclass(slots=True)
class ReadingLog:
    """Files that are no inputs, and notes on how the rest was read.

    Attributes:
        ignored: The first that were left out, each with why.
        n_ignored: All that were left out.
        notes: Choices that reading made, each once.
    """

    ignored: list[tuple[str, str]] = field(default_factory=list)
    n_ignored: int = 0
    notes: list[str] = field(default_factory=list)

    def ignore(self, name: str, why: str) -> None:
        """Counts something that is left out, and keeps why if it is among the first."""
        self.n_ignored += 1
        if len(self.ignored) < MAX_NAMED:
            self.ignored.append((name, why))

    def note(self, text: str) -> None:
        """Keeps a note, once."""
        if text not in self.notes and len(self.notes) < _MAX_NOTES:
            self.notes.append(text)


def lines_of_ignored(n_ignored: int, ignored: Sequence[tuple[str, str]], most: int) -> list[str]:
    """What was left out, for a person: the number, and the first ones by name with why; empty for none."""
    if not n_ignored:
        return []
    named = [f"{name} ({why})" for name, why in ignored[:most]]
    rest = [f"and {n_ignored - len(named)} more"] if n_ignored > len(named) else []
    return [f"{n_ignored} other files", *named, *rest]
