"""Text for a model's health: its performance on what the caller's tenant has measured."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from epitaxy.client import Client, EpitaxyClientError, PropertyHealth


def fetch_health(client: Client, model: str) -> Sequence[PropertyHealth]:
    """Asks for a model's health. Empty if the server keeps no measurements, or is too old to have the call."""
    try:
        return client.model_health(model).properties
    except EpitaxyClientError:
        return ()


def health_document(health: PropertyHealth) -> dict[str, Any]:
    """Health as a JSON object, with its sentence."""
    document = dataclasses.asdict(health)
    latest = document.pop("latest_measurement_time")
    return document | {"latest_at": latest and latest.isoformat(), "sentence": health.in_words()}


def health_table(healths: Sequence[PropertyHealth]) -> Table:
    """Table of health with one row per property."""
    title = "what you measured: coverage and error of the latest measurements"
    table = Table(
        "property", "measurements", "coverage", "within chance", "MAE", "bias", "verdict", title=title, box=None
    )
    for health in healths:
        table.add_row(
            health.property,
            f"{health.n_measurements} of {health.n_total}",
            f"{health.coverage:.3f} at {health.nominal_coverage:g}",
            f"{health.band_lower:.3f} to {health.band_upper:.3f}",
            f"{health.mean_absolute_error:.4g} {health.unit}",
            f"{health.bias:+.3g} {health.unit}",
            health.verdict.lower().replace("_", " "),
        )
    return table
