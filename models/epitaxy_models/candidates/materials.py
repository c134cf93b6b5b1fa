"""Candidates without a crystal: sets that are taken in, and grids of alloys."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import comb

import pyarrow as pa

from epitaxy_models.candidates.making import DUPLICATE
from epitaxy_models.candidates.table import TableForm
from epitaxy_models.compositions import read_composition
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.materials import MaterialKind
from epitaxy_models.structures.elements import SYMBOLS
from epitaxy_models.transfer.kinds.sample import Sample

_SMILES, _COMPOSITION = "smiles", "composition"
_HUNDRED = 100


@dataclass(frozen=True, slots=True, eq=False)
class MaterialCandidate:
    """A molecule, polymer or composition that may be worth a prediction or an experiment.

    Attributes:
        id: Unique in its set.
        kind: What it is.
        text: Its canonical form, which reads back: SMILES, or a formula.
        formula: As a person writes it.
    """

    id: str
    kind: MaterialKind
    text: str
    formula: str

    @property
    def is_known(self) -> bool:
        """False: no list of known materials without a crystal comes with the package."""
        return False


def material_form(kind: MaterialKind) -> TableForm[MaterialCandidate]:
    """The table of candidates of a kind: id, ``smiles`` or ``composition``, formula."""
    column = _COMPOSITION if kind is MaterialKind.COMPOSITION else _SMILES
    schema = pa.schema([("id", pa.string()), (column, pa.string()), ("formula", pa.string())])
    return TableForm(schema, lambda one: {"id": one.id, column: one.text, "formula": one.formula})


@dataclass
class MaterialSet:
    """One pass over a set; materials keep their ids.

    Attributes:
        n_dropped: Materials that are not given, by reason: ``DUPLICATE``.
    """

    n_dropped: Counter[str] = field(default_factory=Counter)

    def candidates(self, samples: Iterable[tuple[str, Sample]]) -> Iterator[MaterialCandidate]:
        """One candidate for each different material, in their order; other spellings of one are left out."""
        seen: set[str] = set()
        ids: Counter[str] = Counter()
        for name, sample in samples:
            key = sample.material.key
            if key in seen:
                self.n_dropped[DUPLICATE] += 1
                continue
            seen.add(key)
            ids[name] += 1
            own_id = name if ids[name] == 1 else f"{name}#{ids[name]}"
            yield MaterialCandidate(own_id, sample.kind, key, sample.formula)


@dataclass(frozen=True, slots=True)
class AlloyGrid:
    """Compositions of a system in equal steps.

    Attributes:
        symbols: Elements of the system.
        step: Atomic per cent between neighbours; a divisor of 100.
        low: Least share of each element that occurs, at. %.
        high: Largest share, at. %.
        least: Fewest elements of one composition: with fewer than all, the subsystems are gone through, too.

    Raises:
        ConfigurationError: INVALID_GRID, with what is wrong.
    """

    symbols: tuple[str, ...]
    step: int = 5
    low: int = 5
    high: int = 100
    least: int = 0

    def __post_init__(self) -> None:
        unknown = [symbol for symbol in self.symbols if symbol not in SYMBOLS]
        if unknown or len(set(self.symbols)) < len(self.symbols) or len(self.symbols) < 2:
            raise _invalid(f"name two or more different elements: {', '.join(unknown or self.symbols)}")
        if self.step < 1 or _HUNDRED % self.step:
            raise _invalid(f"a step of {self.step} at. % does not divide 100: give 1, 2, 4, 5, 10, 20, 25 or 50")
        if not 0 < self.low <= self.high <= _HUNDRED:
            raise _invalid(f"shares from {self.low} to {self.high} at. % are none: give 0 < low <= high <= 100")

    def count(self) -> int:
        """Number of compositions, without making them."""
        return sum(comb(len(self.symbols), n) * self._n_mixtures(n) for n in self._sizes)

    def candidates(self) -> Iterator[MaterialCandidate]:
        """All compositions, those of fewer elements first; each has its formula as its id."""
        for n in self._sizes:
            for system in combinations(self.symbols, n):
                for steps in self._mixtures(n, _HUNDRED // self.step):
                    shares = zip(system, steps, strict=True)
                    text = "".join(f"{symbol}{self.step * count}" for symbol, count in shares)
                    composition = read_composition(text).composition
                    yield MaterialCandidate(text, MaterialKind.COMPOSITION, composition.key, composition.formula)

    @property
    def _sizes(self) -> Sequence[int]:
        return range(self.least or len(self.symbols), len(self.symbols) + 1)

    @property
    def _bounds(self) -> tuple[int, int]:
        """Fewest and most steps of one element."""
        return max(1, -(-self.low // self.step)), self.high // self.step

    def _mixtures(self, n: int, left: int) -> Iterator[tuple[int, ...]]:
        """Steps of ``n`` elements that add up to ``left``."""
        low, high = self._bounds
        if n == 1:
            yield from [(left,)] if low <= left <= high else []
            return
        for first in range(low, min(high, left - low * (n - 1)) + 1):
            for rest in self._mixtures(n - 1, left - first):
                yield (first, *rest)

    def _n_mixtures(self, n: int) -> int:
        """How many there are: coefficients of a product of polynomials."""
        low, high = self._bounds
        ways = [1] + [0] * (_HUNDRED // self.step)
        for _ in range(n):
            ways = [
                sum(ways[total - steps] for steps in range(low, min(high, total) + 1)) for total in range(len(ways))
            ]
        return ways[-1]


def _invalid(message: str) -> ConfigurationError:
    return ConfigurationError(message, reason="INVALID_GRID")
