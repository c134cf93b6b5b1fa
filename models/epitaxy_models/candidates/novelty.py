"""What is known already: the corpus that the substrate was trained on, the sources, and candidates made before.

A canonical graph key names one crystal with its exact distances, so it finds copies. A candidate's volume is a guess,
and no copy of a relaxed crystal: that it is known shows in its formula and structure type.
"""

from dataclasses import replace
from functools import cached_property

from epitaxy_models.graphs.graph import DEFAULT_RULE, CrystalGraph, GraphRule, build_graph
from epitaxy_models.source_index.materials import SourceMaterials, short_key, space_groups_of
from epitaxy_models.structures.structure import Structure

# Cubic Angstrom an atom: crystals that differ by their volume alone are one at any common one.
_COMMON_VOLUME = 20.0


def space_group_of(structure: Structure) -> int:
    """Number of the International Tables, 0 if the search finds none; some 4 ms."""
    return int(space_groups_of([structure])[0])


class KnownMaterials:
    """The corpus and further known crystals, by key and by formula and space group."""

    def __init__(self, corpus: SourceMaterials | None, rule: GraphRule = DEFAULT_RULE) -> None:
        """``corpus`` is None if nothing but what is added is known; ``rule`` is the one of its keys."""
        self._corpus, self._rule = corpus, rule
        self._added_keys: dict[int, str] = {}
        self._added_types: dict[tuple[str, int], str] = {}
        self._added_formulas: set[str] = set()

    def add(self, name: str, structure: Structure, space_group: int) -> None:
        """Makes one more crystal known."""
        self._added_keys.setdefault(self._key(structure), name)
        self._added_types.setdefault((structure.reduced_formula, space_group), name)
        self._added_formulas.add(structure.reduced_formula)

    def holds_formula(self, structure: Structure) -> bool:
        """True if a known material has the formula: only then the space group matters."""
        formula = structure.reduced_formula
        return formula in self._formulas or formula in self._added_formulas

    def copy_of(self, structure: Structure) -> str:
        """Id of the known material that is this very crystal in any cell; empty if there is none."""
        key = self._key(structure)
        return self._added_keys.get(key) or self._corpus_keys.get(key, "")

    def of_type(self, structure: Structure, space_group: int) -> str:
        """Id of a known material with this formula and space group; empty if there is none."""
        kind = (structure.reduced_formula, space_group)
        return self._added_types.get(kind) or self._corpus_types.get(kind, "")

    def has_element(self, atomic_number: int) -> bool:
        """False if the corpus has no material with the element, so that the substrate knows nothing of it."""
        return self._corpus is None or bool(self._corpus.element_counts[atomic_number])

    def _key(self, structure: Structure) -> int:
        return short_key(build_graph(structure, self._rule).key)

    @cached_property
    def _formulas(self) -> frozenset[str]:
        return self._corpus.known_formulas if self._corpus is not None else frozenset()

    @cached_property
    def _corpus_keys(self) -> dict[int, str]:
        if self._corpus is None:
            return {}
        return dict(zip(self._corpus.keys.tolist(), self._corpus.ids, strict=True))

    @cached_property
    def _corpus_types(self) -> dict[tuple[str, int], str]:
        if self._corpus is None:
            return {}
        kinds = zip(self._corpus.formulas, self._corpus.space_groups.tolist(), strict=True)
        # The first of a type names it, as databases list the oldest entry first.
        return dict(reversed(list(zip(kinds, self._corpus.ids, strict=True))))


class SeenCandidates:
    """Candidates of one run: which of them is a copy of an earlier one."""

    def __init__(self) -> None:
        self._seen: set[object] = set()

    def is_new(self, structure: Structure, space_group: int, shape: CrystalGraph) -> bool:
        """True for the first of its shape, and of its structure type: formula, space group and number of orbits.

        Sources of one type that differ in free coordinates lead to the same compound, which would relax to one crystal.
        """
        names = (shape.key, (structure.reduced_formula, space_group, shape.n_nodes))
        if any(name in self._seen for name in names):
            return False
        self._seen.update(names)
        return True


def shape_of(structure: Structure) -> CrystalGraph:
    """Graph of a crystal at a common volume: equal keys for equal shapes, whatever volume was guessed."""
    scale = (_COMMON_VOLUME * structure.n_sites / structure.volume) ** (1 / 3)
    return build_graph(replace(structure, lattice=structure.lattice * scale))
