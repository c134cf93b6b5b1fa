"""A source of materials to one validated table."""

from collections.abc import Callable
from pathlib import Path

from epitaxy_models.data.crystal_table import CrystalTableWriter
from epitaxy_models.data.curation import Curation, KeptRow
from epitaxy_models.data.label_plan import LabelPlan
from epitaxy_models.data.provenance import Origin, Provenance
from epitaxy_models.data.source_row import Source
from epitaxy_models.errors import ConfigurationError


def convert(
    source: Source,
    plan: LabelPlan,
    out: Path,
    origin: Origin,
    on_row: Callable[[], None] = lambda: None,
) -> Provenance:
    """Writes ``out`` (Parquet) and, where rows were refused, ``<out>.refused.csv``.

    Returns the record that the table carries. Raises ConfigurationError (NOTHING_KEPT, and what the source raises);
    a table that was there before stays until the new one is whole.
    """
    curation = Curation(plan)
    with CrystalTableWriter(out, tuple(plan.labels.values()), source.columns.kind) as writer:
        for row in source.rows():
            outcome = curation.admit(row)
            if isinstance(outcome, KeptRow):
                writer.keep(outcome)
            else:
                writer.refuse(outcome)
            on_row()
        if not curation.n_kept:
            writer.publish_refused()
            raise _nothing_kept(curation, writer.refused_path)
        provenance = Provenance(
            origin,
            curation.n_read,
            curation.n_kept,
            dict(sorted(curation.refused.items())),
            dict(curation.n_null),
            plan.dropped,
        )
        writer.finish(provenance)
    return provenance


def _nothing_kept(curation: Curation, refused_path: Path) -> ConfigurationError:
    if not curation.n_read:
        return ConfigurationError("the source has no rows: no table was written", reason="NOTHING_KEPT")
    reasons = ", ".join(f"{count} {reason}" for reason, count in curation.refused.most_common())
    return ConfigurationError(
        f"all {curation.n_read} rows were refused ({reasons}), see {refused_path}: no table was written",
        reason="NOTHING_KEPT",
    )
