"""matgl's MEGNet by ``predict_structure``, one model, a crystal a call; for scale, as CHGNet is.

The published weights are a download, so the architecture of the package's own defaults is filled at random: values mean
nothing, and the cost is that of the published model.
"""

import warnings
from typing import Any

from loadtest.peers.over_pymatgen import OverPymatgen


class Megnet(OverPymatgen):
    """Raises ImportError where it is not installed."""

    def __init__(self) -> None:
        super().__init__()
        warnings.simplefilter("ignore")
        import torch  # noqa: PLC0415 - in the worker only
        from matgl.models import MEGNet  # noqa: PLC0415 - optional

        self._model = MEGNet().eval()
        self._state = torch.zeros(2)

    def _predict(self, structures: list[Any]) -> None:
        for structure in structures:
            self._model.predict_structure(structure, state_attr=self._state)
