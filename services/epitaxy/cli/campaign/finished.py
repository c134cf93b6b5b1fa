"""Rows of a finished data set, read on this machine as the server reads them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from epitaxy.cli.candidates.reading import material_of
from epitaxy.client import ItemError
from epitaxy.client.finetune.labels import Labels
from epitaxy_models.campaigns import History, Limit, Objective, StartName
from epitaxy_models.campaigns.finished import finished_history
from epitaxy_models.campaigns.finished_materials import finished_material_history
from epitaxy_models.errors import EpitaxyError
from epitaxy_models.structures import Structure
from epitaxy_models.transfer.conditions.condition import ConditionColumn
from epitaxy_models.transfer.kinds.sample import Sample


@dataclass(frozen=True, slots=True, eq=False)
class FinishedRows:
    """Rows that have all values.

    Attributes:
        labels: All rows.
        rows: Numbers of those whose material can be used.
        materials: Their crystals, or materials of one other kind.
        refused: Ids of the others, and why.
    """

    labels: Labels
    rows: Sequence[int]
    materials: Sequence[Structure | Sample]
    refused: Sequence[tuple[str, ItemError]]

    @classmethod
    def of(cls, labels: Labels) -> "FinishedRows":
        """Reads the rows that have all values."""
        is_complete = np.all([np.isfinite(values) for values in labels.values.values()], axis=0)
        rows: list[int] = []
        materials: list[Structure | Sample] = []
        refused: list[tuple[str, ItemError]] = []
        for row in np.flatnonzero(is_complete).tolist():
            item = labels.items[row]
            try:
                materials.append(material_of(item.source))
                rows.append(row)
            except EpitaxyError as error:
                refused.append((item.id, ItemError(error.reason, error.message)))
        return cls(labels, rows, materials, refused)

    def history(
        self,
        objectives: Sequence[Objective],
        limits: Sequence[Limit],
        start: StartName,
        units: Mapping[str, str],
        on_materials: Callable[[int], None],
    ) -> History:
        """The rows with their features; ``units`` are those of conditions, by name.

        Raises ConfigurationError if there are too few, or UnsupportedElementError.
        """
        values = {name: column[self.rows] for name, column in self.labels.values.items()}
        samples = [material for material in self.materials if isinstance(material, Sample)]
        conditions = {
            name: ConditionColumn(column[self.rows], units[name]) for name, column in self.labels.conditions.items()
        }
        if not samples:
            crystals = [material for material in self.materials if isinstance(material, Structure)]
            return finished_history(crystals, values, objectives, limits, start, on_materials, conditions)
        return finished_material_history(samples, values, objectives, limits, start, conditions, on_materials)
