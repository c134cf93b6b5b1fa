"""A candidate, and a crystal that no candidate comes of. Frozen values."""

from dataclasses import dataclass

from epitaxy_models.structures.structure import Structure


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A crystal that may be worth a prediction or an experiment.

    Attributes:
        id: Unique in its set: formula, space group and part of the key for a substitute, its own id otherwise.
        formula: Reduced, as chemists write it.
        structure: The crystal.
        source_id: The crystal that it was made from; empty for one of a generated set.
        substitution: ``"Na+ -> K+"``, several joined by commas; empty for one of a generated set.
        probability: Data-mined probability of the substitution; None for one of a generated set.
        volume_ratio: Predicted volume over the source's; None for one of a generated set.
        space_group: Number of the International Tables; None if it was not needed.
        known_as: Id of the known material of that formula and structure type; empty if there is none.
    """

    id: str
    formula: str
    structure: Structure
    source_id: str = ""
    substitution: str = ""
    probability: float | None = None
    volume_ratio: float | None = None
    space_group: int | None = None
    known_as: str = ""

    @property
    def is_known(self) -> bool:
        """True if a known material has its formula and structure type."""
        return bool(self.known_as)


@dataclass(frozen=True, slots=True)
class RefusedSource:
    """A crystal that no candidate comes of.

    Attributes:
        id: The caller's id.
        reason: Stable code: ``NO_OXIDATION_STATES``, ``UNKNOWN_IONS``, ``NO_SUBSTITUTION``, or one of intake's.
        message: One line for a person.
    """

    id: str
    reason: str
    message: str
