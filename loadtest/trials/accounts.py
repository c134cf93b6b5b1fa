"""What was asked and what came of it: an answer each, the same as when nothing disturbed the stack."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from epitaxy.client.errors import EpitaxyClientError, QuotaExceededError, UnavailableError

# Of the size of a prediction or its interval, or of one of its units where that is smaller. Answers that are computed
# anew in another batch differ by the rounding of float32.
TOLERANCE = 1e-6
# A domain score interpolates between ranks of distances, which are small differences of such numbers; undisturbed
# answers in other batches were seen 7e-6 apart.
_LOOSER = {"domain_score": 2e-5}
_MOST_NOTES = 20

Answer = Mapping[str, float | str]
"""Named numbers and texts of one answer, or ``{"error": REASON}``."""


def distance(expected: Sequence[Answer], found: Answer) -> float:
    """How far an answer is from the undisturbed ones, in units of what is tolerated; infinite where a text differs.

    A number ``NAME.PART`` is held against the size of all that begins with its name: the end of an interval may be
    near zero and the interval wide.

    Args:
        expected: Undisturbed answers. They differ by the batch, and what lies between two of them is as good.
        found: The answer.
    """
    if any(answer.keys() != found.keys() for answer in expected):
        return math.inf
    sizes: dict[str, float] = {}
    for name, value in expected[0].items():
        if not isinstance(value, str):
            sizes[_group(name)] = max(1.0, abs(value), sizes.get(_group(name), 1.0))
    return max((_apart(name, [answer[name] for answer in expected], found[name], sizes) for name in found), default=0.0)


def _group(name: str) -> str:
    return name.partition(".")[0]


def _apart(name: str, expected: Sequence[float | str], found: float | str, sizes: Mapping[str, float]) -> float:
    """How far a number is from the nearest between the least and the greatest of the undisturbed ones."""
    numbers = [value for value in expected if not isinstance(value, str)]
    if isinstance(found, str) or len(numbers) < len(expected):
        return 0.0 if found in expected else math.inf
    if math.isnan(found) and any(map(math.isnan, numbers)):
        return 0.0
    apart = abs(found - min(max(found, min(numbers)), max(numbers)))
    scaled = apart / sizes[_group(name)] / _LOOSER.get(name, TOLERANCE)
    return math.inf if math.isnan(scaled) else scaled


def is_passing(error: EpitaxyClientError) -> bool:
    """Whether the caller may ask again: nothing is wrong with what they asked, nor with the server for good."""
    return isinstance(error, (UnavailableError, QuotaExceededError))


@dataclass(slots=True)
class Account:
    """Everything of one kind of work.

    Attributes:
        asked: Things that should have an answer.
        answered: Things that have one.
        lost: Things without one when patience was over.
        doubled: Answers too many.
        wrong: Answers that differ from the undisturbed ones, and errors of the server's own making.
        worst: Largest difference of an answer that counts as right, as a share of what is tolerated.
        repeats: Calls that the caller had to make again, by reason.
        notes: The first faults in words.
    """

    kind: str
    asked: int = 0
    answered: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    worst: float = 0.0
    repeats: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return bool(self.asked) and not (self.lost or self.doubled or self.wrong)

    def compare(self, name: str, expected: Sequence[Answer], found: Answer) -> None:
        """Counts one answer, which has to be one of the undisturbed ones."""
        self.answered += 1
        apart = distance(expected, found)
        if apart > 1:
            self.wrong += 1
            self.note(f"{name}: {_differing(expected[0], found)}")
        else:
            self.worst = max(self.worst, apart)

    def compare_all(
        self, names: Sequence[str], expected: Sequence[Sequence[Answer]], found: Iterable[tuple[int, Answer]]
    ) -> None:
        """Counts the answers of one call, each by the position of what was asked."""
        times: Counter[int] = Counter()
        for position, answer in found:
            times[position] += 1
            if times[position] == 1:
                self.compare(names[position], expected[position], answer)
        self.asked += len(names)
        missing = [name for position, name in enumerate(names) if not times[position]]
        self.lost += len(missing)
        self.doubled += sum(number - 1 for number in times.values())
        if missing:
            self.note(f"no answer to {len(missing)} of {len(names)}, {missing[0]} among them")

    def check(self, name: str, expected: object, found: object) -> None:
        """Counts a fact that has to hold, beside the answers."""
        if expected != found:
            self.wrong += 1
            self.note(f"{name}: {expected!r} was expected, {found!r} found")

    def fail(self, name: str, error: BaseException) -> None:
        """Counts a thing that has an error in place of its answer for good."""
        self.lost += 1
        self.note(f"{name}: {type(error).__name__}: {error}")

    def note(self, text: str) -> None:
        if len(self.notes) < _MOST_NOTES:
            self.notes.append(text[:500])

    def as_record(self) -> dict[str, Any]:
        return {
            "asked": self.asked,
            "answered": self.answered,
            "lost": self.lost,
            "doubled": self.doubled,
            "wrong": self.wrong,
            "worst_share_of_tolerance": self.worst,
            "repeats": dict(self.repeats),
            "notes": self.notes,
        }


def _differing(expected: Answer, found: Answer) -> str:
    both = {**expected, **found}
    names = sorted(both, key=lambda name: distance([{name: expected.get(name, "")}], {name: found.get(name, "")}))[-3:]
    return ", ".join(f"{name} is {found.get(name)!r} and was {expected.get(name)!r}" for name in names)
