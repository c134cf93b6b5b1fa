"""What a version's run shows to whoever opens the registry in MLflow: parameters, metrics, tags, the data."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class DataRecord:
    """The labels that a model was fitted on, as MLflow shows a data set.

    Attributes:
        name: Of the data set.
        digest: Of its content.
        n_rows: Rows that were used.
        columns: Unit by column.
    """

    name: str
    digest: str
    n_rows: int
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What stands in a run beside its files.

    Attributes:
        params: Choices that were made before the work, by name.
        metrics: Finite numbers that came out, by name.
        tags: Further facts, by name.
        data: The labels; None: not known.
    """

    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    data: DataRecord | None = None
