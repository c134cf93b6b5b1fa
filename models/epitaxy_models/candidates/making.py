"""From known crystals to candidates by ionic substitution, the most probable first."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from epitaxy_models.candidates.candidate import Candidate, RefusedSource
from epitaxy_models.candidates.charges import IonicCrystal, ionic_crystal
from epitaxy_models.candidates.children import Child, child_of, substitution_text
from epitaxy_models.candidates.novelty import KnownMaterials, SeenCandidates, shape_of, space_group_of
from epitaxy_models.candidates.substitutes import Replacement, substitution_table
from epitaxy_models.errors import ConfigurationError, InvalidStructureError
from epitaxy_models.structures.display import display_formula
from epitaxy_models.structures.elements import SYMBOLS, atomic_number_of
from epitaxy_models.structures.structure import Structure

NO_SUBSTITUTION = "NO_SUBSTITUTION"
DUPLICATE, IN_CORPUS, KNOWN = "DUPLICATE", "IN_CORPUS", "KNOWN"
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class SubstitutionOptions:
    """What is made.

    Attributes:
        threshold: Least probability of a substitution, over 0 and below 1.
        n_per_source: Most substitutions of one source.
        limit: Most candidates in all; the most probable are kept.
        without: Symbols of elements that no candidate may hold.
        is_new_only: True to leave out candidates whose formula and structure type are known.
    """

    threshold: float = 1e-3
    n_per_source: int = 50
    limit: int = 10_000
    without: frozenset[str] = frozenset()
    is_new_only: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise ConfigurationError(
                f"the threshold is a probability between 0 and 1, not {self.threshold:g}", reason="INVALID_THRESHOLD"
            )
        if self.n_per_source < 1 or self.limit < 1:
            raise ConfigurationError("the numbers of candidates must be positive", reason="INVALID_LIMIT")
        unknown = sorted(symbol for symbol in self.without if atomic_number_of(symbol) is None)
        if unknown:
            raise ConfigurationError(f"no elements: {', '.join(unknown)}", reason="UNKNOWN_ELEMENT")


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    id: str
    crystal: IonicCrystal
    space_group: int
    replacements: tuple[Replacement, ...]


@dataclass
class SubstitutionRun:
    """One run over some sources; the same sources and options give the same candidates in the same order.

    Attributes:
        known: What is known; the sources are added.
        options: What is made.
        refused: Sources that no candidate comes of.
        n_dropped: Candidates that are not given, by reason: ``DUPLICATE``, ``IN_CORPUS``, ``KNOWN``,
            ``IMPLAUSIBLE_VOLUME``, ``NO_RADIUS``, ``OVERLAPPING_ATOMS``.
    """

    known: KnownMaterials
    options: SubstitutionOptions = field(default_factory=SubstitutionOptions)
    refused: list[RefusedSource] = field(default_factory=list)
    n_dropped: Counter[str] = field(default_factory=Counter)
    _sources: list[_Source] = field(default_factory=list)

    def read(self, sources: Iterable[tuple[str, Structure]], on_source: Callable[[], None] = lambda: None) -> None:
        """Finds the ions of sources and what may replace them; ``on_source`` is called after each.

        Args:
            sources: Ids and checked crystals.
            on_source: Called after each source.
        """
        for name, structure in sources:
            source = self._read(name, structure)
            if source is not None:
                self._sources.append(source)
            on_source()

    def candidates(self, on_proposal: OnProgress = lambda done, total: None) -> Iterator[Candidate]:
        """Candidates of all sources that were read, by falling probability.

        Args:
            on_proposal: Called with the number of substitutions that were tried, and of all.
        """
        proposals = sorted(
            (-replacement.probability, place, rank)
            for place, source in enumerate(self._sources)
            for rank, replacement in enumerate(source.replacements)
        )
        seen = SeenCandidates()
        tried = self._try_all(proposals, seen, on_proposal)
        yield from islice(tried, self.options.limit)

    def _read(self, name: str, structure: Structure) -> _Source | None:
        space_group = space_group_of(structure)
        self.known.add(name, structure, space_group)
        try:
            crystal = ionic_crystal(structure)
            found = substitution_table().replacements(crystal, self.options.threshold, self._unwanted)
        except InvalidStructureError as error:
            self.refused.append(RefusedSource(name, error.reason, error.message))
            return None
        if not found:
            ions = ", ".join(ion.name for ion in crystal.ions)
            message = f"no other ions for {ions} have a probability of {self.options.threshold:g}: lower the threshold"
            self.refused.append(RefusedSource(name, NO_SUBSTITUTION, message))
            return None
        return _Source(name, crystal, space_group, tuple(found[: self.options.n_per_source]))

    @cached_property
    def _unwanted(self) -> frozenset[str]:
        """Elements that the caller or the substrate does not want."""
        unknown = (symbol for number, symbol in enumerate(SYMBOLS, start=1) if not self.known.has_element(number))
        return self.options.without | frozenset(unknown)

    def _try_all(
        self, proposals: list[tuple[float, int, int]], seen: SeenCandidates, on_proposal: OnProgress
    ) -> Iterator[Candidate]:
        for number, (_, place, rank) in enumerate(proposals, start=1):
            source = self._sources[place]
            candidate = self._candidate(source, source.replacements[rank], seen)
            on_proposal(number, len(proposals))
            if candidate is not None:
                yield candidate

    def _candidate(self, source: _Source, replacement: Replacement, seen: SeenCandidates) -> Candidate | None:
        try:
            child = child_of(source.crystal, replacement)
            shape = shape_of(child.structure)
        except InvalidStructureError as error:
            self.n_dropped[error.reason] += 1
            return None
        known_as = self.known.of_type(child.structure, source.space_group)
        dropped = self._why_dropped(child, known_as) or (
            "" if seen.is_new(child.structure, source.space_group, shape) else DUPLICATE
        )
        if dropped:
            self.n_dropped[dropped] += 1
            return None
        formula = display_formula(child.structure.atomic_numbers)
        return Candidate(
            id=f"{formula}-{source.space_group}-{shape.key[:4].hex()}",
            formula=formula,
            structure=child.structure,
            source_id=source.id,
            substitution=substitution_text(source.crystal, replacement),
            probability=replacement.probability,
            volume_ratio=child.volume_ratio,
            space_group=source.space_group,
            known_as=known_as,
        )

    def _why_dropped(self, child: Child, known_as: str) -> str:
        if self.known.copy_of(child.structure):
            return IN_CORPUS
        return KNOWN if known_as and self.options.is_new_only else ""
