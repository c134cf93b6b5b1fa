"""How materials without a crystal become graphs; the rule of crystals is ``graphs.graph.GraphRule``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from epitaxy_models.graphs.graph import GraphRule

N_MOLECULE_EDGES = 11
N_COMPOSITION_EDGES = 2


@dataclass(frozen=True, slots=True)
class MoleculeRule:
    """How a molecule becomes a graph. Part of every cache key and of every model card.

    Every atom but hydrogen is a node. A hub is joined to all atoms and stands for none: it carries the mean of their
    states to each of them, and one over their number, which is 0 for an endless chain. Hence an answer for a chain does
    not depend on how many repeat units are written, nor on where the unit is cut.

    Attributes:
        n_kinds: Kinds of atoms in the table.
        table: Version of the table.
    """

    n_kinds: int
    table: int = 1

    @property
    def version(self) -> str:
        """Name of the rule and of the code that applies it: equal versions give equal graphs."""
        return f"molecule-1/kinds{self.n_kinds}/table{self.table}"


@dataclass(frozen=True, slots=True)
class CompositionRule:
    """How a composition becomes a graph. Part of every cache key and of every model card.

    After Goodall & Lee 2020: each element is a node, and messages from an element are weighted by its share.

    Attributes:
        parts: Atoms in which shares are counted, so that equal compositions have equal graphs to the last bit.
    """

    parts: int = 1_000_000

    @property
    def version(self) -> str:
        """Name of the rule and of the code that applies it: equal versions give equal graphs."""
        return f"composition-1/parts{self.parts}"


Rule = GraphRule | MoleculeRule | CompositionRule
"""The rule of any kind of material."""


def rule_from_json(record: Mapping[str, Any]) -> Rule:
    """The rule of a model card. Raises TypeError for an unknown field."""
    if "n_kinds" in record:
        return MoleculeRule(**record)
    return CompositionRule(**record) if "parts" in record else GraphRule(**record)
