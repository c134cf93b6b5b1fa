"""What peers that take pymatgen's structures share: those are made beforehand, as a user has them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any


class OverPymatgen(ABC):
    """An engine over structures, which are pymatgen's beforehand."""

    def __init__(self) -> None:
        self._prepared: dict[str, list[Any]] = {}

    def prepare(self, name: str, share: Sequence[Any]) -> None:
        from loadtest.corpus import pymatgen_structure  # noqa: PLC0415 - in the worker only

        self._prepared[name] = [pymatgen_structure(item) for item in share]

    def run(self, name: str) -> int:
        self._predict(self._prepared[name])
        return len(self._prepared[name])

    @abstractmethod
    def _predict(self, structures: list[Any]) -> None: ...
