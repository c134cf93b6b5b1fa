"""The kinds of material."""

from enum import StrEnum


class MaterialKind(StrEnum):
    """What a material is given as; models answer one kind each."""

    STRUCTURE = "structure"
    COMPOSITION = "composition"
    MOLECULE = "molecule"
    POLYMER = "polymer"

    @property
    def noun(self) -> str:
        """What a person calls one: ``"crystal"``, ``"polymer"``."""
        return "crystal" if self is MaterialKind.STRUCTURE else self.value
