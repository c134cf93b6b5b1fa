"""CHGNet's ``predict_structure``: one far larger model, energies and forces; for scale, not a like-for-like peer."""

import warnings
from collections.abc import Sequence
from typing import Any


class Chgnet:
    """An engine over structures, which are pymatgen's beforehand. Raises ImportError where it is not installed."""

    def __init__(self) -> None:
        warnings.simplefilter("ignore")
        from chgnet.model import CHGNet  # noqa: PLC0415 - optional

        self._model = CHGNet.load(use_device="cpu", verbose=False)
        # An atom without neighbours within 6 Angstrom would end the run; it costs what any other does.
        self._model.graph_converter.set_isolated_atom_response("ignore")
        self._prepared: dict[str, list[Any]] = {}

    def prepare(self, name: str, share: Sequence[Any]) -> None:
        from loadtest.corpus import pymatgen_structure  # noqa: PLC0415 - in the worker only

        self._prepared[name] = [pymatgen_structure(item) for item in share]

    def run(self, name: str) -> int:
        self._model.predict_structure(self._prepared[name], task="e", batch_size=16)
        return len(self._prepared[name])
