"""What the report says of cheaper values: what each bought, how it is calibrated, what to buy next."""

from collections.abc import Mapping, Sequence

import numpy as np

from epitaxy_models.transfer.contest.fidelity_gain import FidelityGain
from epitaxy_models.transfer.fidelities.cheap_model import CheapModel
from epitaxy_models.transfer.records import FidelityRow, FidelitySection, FidelityState, LearningCurve
from epitaxy_models.transfer.request import LowFidelityColumn

# A curve as flat as this tells no number of labels.
_FLAT = 0.02


def fidelity_section(
    columns: Mapping[str, LowFidelityColumn],
    models: Sequence[CheapModel],
    gains: Sequence[FidelityGain],
    coverage: Mapping[str, tuple[float, int]],
    curve: LearningCurve | None,
    label_cost: float,
    unit: str,
) -> FidelitySection:
    """The section; ``coverage`` is measured coverage and number of rows by state, ``curve`` that of what serves."""
    by_name = {gain.name: gain for gain in gains}
    rows = tuple(_row(model, columns[model.name], by_name.get(model.name), curve, label_cost, unit) for model in models)
    states = tuple(FidelityState(name, share, n_rows) for name, (share, n_rows) in coverage.items())
    return FidelitySection(rows, states)


def _row(
    model: CheapModel,
    column: LowFidelityColumn,
    gain: FidelityGain | None,
    curve: LearningCurve | None,
    label_cost: float,
    unit: str,
) -> FidelityRow:
    return FidelityRow(
        column=model.name,
        fidelity=str(column.fidelity) if column.fidelity else "",
        cost=column.cost,
        n_values=model.n_values,
        model_mae=model.mae,
        n_known=gain.n_known if gain else 0,
        mae_with=gain.mae_with if gain else None,
        mae_without=gain.mae_without if gain else None,
        gain=gain.gain.mean if gain else None,
        gain_low=gain.gain.low if gain else None,
        gain_high=gain.gain.high if gain else None,
        advice=advice(model.name, column.cost, gain, curve, label_cost, unit),
    )


def advice(
    name: str, cost: float, gain: FidelityGain | None, curve: LearningCurve | None, label_cost: float, unit: str
) -> str:
    """What to buy next, one sentence."""
    if gain is None:
        return f"No label has a value of {name}: measure some of the labelled crystals to see what it buys."
    if gain.gain.low <= 0:
        return f"{name} buys nothing beyond noise: buy labels."
    bought = f"A value of {name} lowers the error of its candidate by {gain.gain.mean:.3g} {unit}"
    n_labels = _labels_for(gain, curve)
    if n_labels is None:
        return f"{bought}; more labels alone would not, by the learning curve: buy values of {name}."
    if not (cost > 0 and label_cost > 0):
        return f"{bought}; about {n_labels} more labels would lower that of all as much. State costs to compare them."
    n_candidates = n_labels * label_cost / cost
    return (
        f"{bought} and costs {cost:g}; about {n_labels} more labels at {label_cost:g} each would lower that of all as "
        f"much. Buy {name} for up to {n_candidates:.0f} candidates, labels instead for more."
    )


def _labels_for(gain: FidelityGain, curve: LearningCurve | None) -> int | None:
    """Further labels that lower the error as much, from the slope of the curve; None if it is flat."""
    if curve is None or len(curve.points) < 2:
        return None
    first, last = curve.points[0], curve.points[-1]
    if not 0 < last.mae < first.mae:
        return None
    slope = float(np.log(first.mae / last.mae) / np.log(last.n_labels / first.n_labels))
    if slope < _FLAT:
        return None
    factor = (gain.mae_without / gain.mae_with) ** (1 / slope)
    return int(np.ceil(last.n_labels * (factor - 1))) if factor < 1e4 else None
