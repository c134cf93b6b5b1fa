"""CHGNet's ``predict_structure``: one far larger model, energies and forces; for scale, not a like-for-like peer."""

import warnings
from typing import Any

from loadtest.peers.over_pymatgen import OverPymatgen


class Chgnet(OverPymatgen):
    """Raises ImportError where it is not installed."""

    def __init__(self) -> None:
        super().__init__()
        warnings.simplefilter("ignore")
        from chgnet.model import CHGNet  # noqa: PLC0415 - optional

        self._model = CHGNet.load(use_device="cpu", verbose=False)
        # An atom without neighbours within 6 Angstrom would end the run; it costs what any other does.
        self._model.graph_converter.set_isolated_atom_response("ignore")

    def _predict(self, structures: list[Any]) -> None:
        self._model.predict_structure(structures, task="e", batch_size=16)
