"""Labelled molecules, polymers and compositions against what their substrate was pretrained on."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.latent import LatentSpace
from epitaxy_models.calibration.verdict import DomainScore, DomainVerdict
from epitaxy_models.compositions import read_composition
from epitaxy_models.errors import InvalidMaterialError
from epitaxy_models.materials import MaterialKind
from epitaxy_models.substrates.shipped import shipped_anchors
from epitaxy_models.transfer.kinds.features import MaterialFeatures
from epitaxy_models.transfer.kinds.sample import Sample
from epitaxy_models.transfer.records import AuditSection, LatentMap, NeighbourRow

# Farthest materials in the report, nearest pretraining materials of each, pretraining materials in the map.
_N_FARTHEST, _N_NEAREST, _N_MAP_POINTS = 12, 3, 1500


def audit_materials(
    features: MaterialFeatures, names: Sequence[str], samples: Sequence[Sample], embedding: NDArray[np.float64]
) -> AuditSection:
    """How near the materials lie, which pretraining materials are nearest to the farthest of them, and a map.

    Args:
        features: Of the kind.
        names: Of the rows.
        samples: Of the rows.
        embedding: Members side by side, ``[n_rows, n_members * embedding_width]``.
    """
    latent, base = features.substrate.latent, features.base
    points = latent.project(embedding[:, : len(latent.centre)].astype(np.float32))
    domains = features.domains(samples)
    order = np.argsort([-domain.score for domain in domains], kind="stable")
    found = shipped_anchors(base.name).nearest(points, _N_NEAREST)
    nearest = [tuple((_spelled(features.kind, name), distance) for name, distance in row) for row in found]
    rows = [
        NeighbourRow(names[place], samples[place].formula, nearest[place]) for place in order[:_N_FARTHEST].tolist()
    ]
    details = {
        "base_model": f"{base.name}:{base.version}",
        "rows": [_record(*entry) for entry in zip(names, samples, domains, nearest, strict=True)],
    }
    return AuditSection(
        "",
        _statements(features, domains),
        tuple(row for row in rows if row.nearest),
        _map_of(latent, points, [f"{name} {one.formula}" for name, one in zip(names, samples, strict=True)]),
        details,
    )


def _spelled(kind: MaterialKind, name: str) -> str:
    """A pretraining material as a person writes it: formulas are kept as shares."""
    if kind is not MaterialKind.COMPOSITION:
        return name
    try:
        return read_composition(name).composition.formula
    except InvalidMaterialError:
        return name


def _statements(features: MaterialFeatures, domains: Sequence[DomainScore]) -> tuple[str, ...]:
    counts = Counter(domain.verdict for domain in domains)
    noun, source = features.kind.noun, features.base.name
    middle = float(np.median([domain.score for domain in domains])) if domains else 0.0
    return (
        f"{counts[DomainVerdict.IN_DOMAIN]} of the {len(domains)} {noun}s that are learned from lie within what "
        f"{source} was pretrained on, {counts[DomainVerdict.BORDERLINE]} at its border and "
        f"{counts[DomainVerdict.OUT_OF_DOMAIN]} outside.",
        f"Half of the {noun}s lie farther from its pretraining materials than {100 * middle:.0f} % of those that were "
        "held out.",
    )


def _record(name: str, sample: Sample, domain: DomainScore, nearest: tuple[tuple[str, float], ...]) -> dict[str, Any]:
    return {
        "id": name,
        "formula": sample.formula,
        "percentile": float(domain.score),
        "domain": domain.verdict.value,
        "reason": domain.reason,
        "nearest": [{"formula": formula, "distance": distance} for formula, distance in nearest],
    }


def _map_of(latent: LatentSpace, points: NDArray[np.float32], names: Sequence[str]) -> LatentMap:
    """The first two directions; each has unit variance over the anchors, and its length tells how much that was."""
    step = max(1, len(latent.anchors) // _N_MAP_POINTS)
    variances = 1 / np.maximum((latent.directions.astype(np.float64) ** 2).sum(axis=0), 1e-12)
    return LatentMap(
        source=tuple((float(x), float(y)) for x, y in latent.anchors[::step, :2]),
        target=tuple((float(x), float(y)) for x, y in points[:, :2]),
        target_names=tuple(names),
        explained=float(variances[:2].sum() / variances.sum()),
    )
