"""From cheaper values that are known of some structures to blocks that are complete for all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.fidelities.cheap_model import CheapModel
from epitaxy_models.transfer.inputs import FIDELITIES, FILLED_PREFIX, LOW_FIDELITY_PREFIX, TransferInputs

Array = NDArray[np.float64]
# By how much a cheaper value that is larger than expected raises the estimates of other fidelities: measured on
# experimental gaps with known PBE gaps; 0, 0.5 and 1 err by 0.334, 0.329 and 0.332 eV.
_SHARE_OF_SURPRISE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Filling:
    """Models of all cheaper columns of a job."""

    models: tuple[CheapModel, ...]

    def fill(self, inputs: TransferInputs) -> TransferInputs:
        """The same inputs with a block a column: value, surprise and the shipped estimates that follow from both."""
        blocks = {f"{FILLED_PREFIX}{model.name}": _filled(model, inputs) for model in self._given(inputs)}
        return replace(inputs, blocks={**inputs.blocks, **blocks})

    def hide(self, inputs: TransferInputs, share: float, rng: np.random.Generator) -> TransferInputs:
        """The same inputs with a random share of each column marked as unknown, never all values of a row."""
        blocks = dict(inputs.blocks)
        names = [f"{LOW_FIDELITY_PREFIX}{model.name}" for model in self._given(inputs)]
        is_hidden = rng.random((len(names), inputs.n_rows)) < share
        known = np.stack([blocks[name][:, 1] > 0 for name in names])
        is_hidden &= (known & ~is_hidden).any(axis=0)
        for name, rows in zip(names, is_hidden, strict=True):
            blocks[name] = np.where(rows[:, None], 0.0, blocks[name])
        return replace(inputs, blocks=blocks)

    def _given(self, inputs: TransferInputs) -> list[CheapModel]:
        """Models of columns that the inputs have: one may be left out to see what it buys."""
        return [model for model in self.models if f"{LOW_FIDELITY_PREFIX}{model.name}" in inputs.blocks]

    def settings(self) -> list[dict[str, Any]]:
        """What JSON holds."""
        return [model.settings() for model in self.models]

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Arrays by name."""
        numbered = enumerate(self.models)
        return {
            f"cheap.{number}.{name}": array for number, model in numbered for name, array in model.tensors().items()
        }

    @classmethod
    def restore(cls, settings: Sequence[Mapping[str, Any]], tensors: Mapping[str, NDArray[Any]]) -> "Filling":
        """Rebuilds an equal filling. Raises KeyError or ValueError if it is damaged."""
        models = []
        for number, entry in enumerate(settings):
            prefix = f"cheap.{number}."
            own = {name.removeprefix(prefix): array for name, array in tensors.items() if name.startswith(prefix)}
            models.append(CheapModel.restore(entry, own))
        return cls(tuple(models))


def without_columns(inputs: TransferInputs) -> TransferInputs:
    """The same inputs as a model reads them that never saw a cheaper value."""
    prefixes = (LOW_FIDELITY_PREFIX, FILLED_PREFIX)
    return replace(inputs, blocks={name: b for name, b in inputs.blocks.items() if not name.startswith(prefixes)})


def is_known(inputs: TransferInputs) -> NDArray[np.bool_]:
    """Whether any cheaper value of a row is known, ``[n_rows]``."""
    marks = [block[:, 1] > 0 for name, block in inputs.blocks.items() if name.startswith(LOW_FIDELITY_PREFIX)]
    return np.any(marks, axis=0) if marks else np.zeros(inputs.n_rows, dtype=np.bool_)


def _filled(model: CheapModel, inputs: TransferInputs) -> Array:
    """Value or what is expected of it, surprise (0 if unknown), corrected estimates, ``[n_rows, 2 + n_kin]``."""
    value, known = inputs.blocks[f"{LOW_FIDELITY_PREFIX}{model.name}"].T
    expected = model.estimate(inputs)
    filled = np.where(known > 0, value, expected)
    surprise = filled - expected
    columns = [filled, surprise]
    if model.n_kin:
        shipped = inputs.blocks[FIDELITIES][:, : model.n_kin]
        corrected = np.maximum(shipped + _SHARE_OF_SURPRISE * surprise[:, None], 0.0) * (filled > 0)[:, None]
        columns += list(corrected.T)
    return np.stack(columns, axis=1)
