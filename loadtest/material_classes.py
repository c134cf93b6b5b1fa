"""What a job makes of labels that are 0 or 1, and what its rivals make of them."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from sklearn.metrics import roc_auc_score

from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.transfer.classes.quality import quality_of
from epitaxy_models.transfer.fitted.model import TransferModel
from epitaxy_models.transfer.inputs import FRACTIONS, TransferInputs
from epitaxy_models.transfer.kinds.sample import Sample
from epitaxy_models.transfer.pipeline import run_material_transfer
from epitaxy_models.transfer.request import TransferRequest
from epitaxy_models.transfer.strategies.block_gp import BlockGP
from epitaxy_models.transfer.strategies.descriptor_forest import DescriptorForest
from epitaxy_models.transfer.strategies.full_forest import FullForest
from epitaxy_models.transfer.strategy import TransferStrategy
from loadtest.material_jobs import Pool, rivals
from loadtest.material_pools import Rows, Rows64


def measure_classes(pool: Pool, train: Rows64, test: Rows64) -> dict[str, Any]:
    """AUC and Brier score by contestant and of what a job serves, and the job's calibration error.

    Scores of contestants are cut to 0 and 1 for the Brier score; they have no link.
    """
    labels, aucs, briers = pool.labels, {}, {}
    for name, (strategy, seen) in _contestants(pool.rows).items():
        scorer = replace(strategy, about_mean=True, is_robust=False) if isinstance(strategy, BlockGP) else strategy
        inputs = cast("TransferInputs", seen.take(train))
        scores = scorer.fit(inputs, labels[train], 0).predict(cast("TransferInputs", seen.take(test))).values
        aucs[name] = float(roc_auc_score(labels[test], scores))
        briers[name] = float(np.mean((np.clip(scores, 0.0, 1.0) - labels[test]) ** 2))
    given = job_on(pool, train).predict(_inputs_of(pool, test), 0.9).values[:, 0]
    quality = quality_of(given, labels[test], {})
    aucs["job"], briers["job"] = quality.auc, quality.brier
    told = {"calibration_error": quality.calibration_error, "by_chance": quality.expected_calibration_error}
    return {"auc": aucs, "brier": briers, **told}


def _contestants(rows: Rows) -> dict[str, tuple[TransferStrategy, Rows]]:
    found = rivals(rows) | {"block_gp": (BlockGP(), rows), "full_forest": (FullForest(), rows)}
    if FRACTIONS in rows.blocks:
        found["fraction_forest"] = (DescriptorForest(blocks=(FRACTIONS,)), rows.only(FRACTIONS))
    return found


def job_on(pool: Pool, train: Rows64) -> TransferModel:
    """What a fine-tuning job makes of the training rows."""
    kind = pool.target.kind
    samples = [Sample(kind, pool.rows.materials[row]).as_row() for row in train]
    definition = PropertyDefinition("one", "1", Fidelity.EXPERIMENT, "measured", "", 0.0, 1.0)
    with tempfile.TemporaryDirectory() as folder:
        named = [(str(row), sample) for row, sample in zip(train.tolist(), samples, strict=True)]
        request = TransferRequest("one", named, pool.labels[train], definition, Path(folder) / "out", are_classes=True)
        return TransferModel.load(run_material_transfer(request, kind).model)


def _inputs_of(pool: Pool, test: Rows64) -> TransferInputs:
    """Test rows as a tenant's model reads them."""
    rows = pool.rows.take(test)
    samples = tuple(Sample(pool.target.kind, material).as_row() for material in rows.materials)
    return TransferInputs(samples, (), rows.blocks)
