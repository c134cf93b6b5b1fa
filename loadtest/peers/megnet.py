"""matgl's MEGNet by ``predict_structure``, one model, a crystal a call; for scale, as CHGNet is.

The published weights are a download, so the architecture of the package's own defaults is filled at random: values mean
nothing, and the cost is that of the published model.
"""

import warnings
from collections.abc import Sequence
from typing import Any


class Megnet:
    """An engine over structures, which are pymatgen's beforehand. Raises ImportError where it is not installed."""

    def __init__(self) -> None:
        warnings.simplefilter("ignore")
        import torch  # noqa: PLC0415 - in the worker only
        from matgl.models import MEGNet  # noqa: PLC0415 - optional

        self._model = MEGNet().eval()
        self._state = torch.zeros(2)
        self._prepared: dict[str, list[Any]] = {}

    def prepare(self, name: str, share: Sequence[Any]) -> None:
        from loadtest.corpus import pymatgen_structure  # noqa: PLC0415 - in the worker only

        self._prepared[name] = [pymatgen_structure(item) for item in share]

    def run(self, name: str) -> int:
        for structure in self._prepared[name]:
            self._model.predict_structure(structure, state_attr=self._state)
        return len(self._prepared[name])
