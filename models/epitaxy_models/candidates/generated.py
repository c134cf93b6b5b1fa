"""Generated sets, such as those of diffusion models: which of their crystals are new."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from epitaxy_models.candidates.candidate import Candidate
from epitaxy_models.candidates.making import DUPLICATE, KNOWN
from epitaxy_models.candidates.novelty import KnownMaterials, space_group_of
from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.structures.display import display_formula
from epitaxy_models.structures.structure import Structure


@dataclass
class GeneratedSet:
    """One pass over a generated set; crystals keep their ids.

    Attributes:
        known: What is known.
        is_new_only: True to leave out crystals that are known.
        n_dropped: Crystals that are not given, by reason: ``DUPLICATE``, ``KNOWN``.
    """

    known: KnownMaterials
    is_new_only: bool = False
    n_dropped: Counter[str] = field(default_factory=Counter)

    def candidates(self, crystals: Iterable[tuple[str, Structure]]) -> Iterator[Candidate]:
        """One candidate for each different crystal, in their order; copies in other cells are left out."""
        seen: set[bytes] = set()
        ids: Counter[str] = Counter()
        for name, structure in crystals:
            key = build_graph(structure).key
            if key in seen:
                self.n_dropped[DUPLICATE] += 1
                continue
            seen.add(key)
            known_as, space_group = self._known_as(structure)
            if known_as and self.is_new_only:
                self.n_dropped[KNOWN] += 1
                continue
            ids[name] += 1
            own_id = name if ids[name] == 1 else f"{name}#{ids[name]}"
            formula = display_formula(structure.atomic_numbers)
            yield Candidate(own_id, formula, structure, space_group=space_group, known_as=known_as)

    def _known_as(self, structure: Structure) -> tuple[str, int | None]:
        """The known material, and the space group where it was looked for: the search takes milliseconds."""
        if not self.known.holds_formula(structure):
            return "", None
        copy = self.known.copy_of(structure)
        space_group = space_group_of(structure)
        return copy or self.known.of_type(structure, space_group), space_group
