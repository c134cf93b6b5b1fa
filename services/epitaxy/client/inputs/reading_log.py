"""What reading leaves out or decides, for the summary of a run."""

from dataclasses import dataclass, field

_SHOWN = 20


@dataclass(slots=True)
class ReadingLog:
    """Files and parts of files that are no inputs, and notes on how the rest was read.

    Attributes:
        ignored: The first that were left out, each with why.
        n_ignored: All that were left out.
        notes: Choices that reading made, each once.
    """

    ignored: list[str] = field(default_factory=list)
    n_ignored: int = 0
    notes: list[str] = field(default_factory=list)

    def ignore(self, name: str, why: str) -> None:
        """Counts something that is left out, and keeps why if it is among the first."""
        self.n_ignored += 1
        if len(self.ignored) < _SHOWN:
            self.ignored.append(f"{name}: {why}")

    def note(self, text: str) -> None:
        """Keeps a note, once."""
        if text not in self.notes and len(self.notes) < _SHOWN:
            self.notes.append(text)
