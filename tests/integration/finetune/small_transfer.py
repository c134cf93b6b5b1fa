"""A transfer that learns the mean of the labels: what is tested is the service around it.

What a job is to go through is written in its property's name: ``slow``, ``bad_labels``, ``bug``, ``hurts``, ``plain``.
"""

import json
import os
import time
from pathlib import Path

import numpy as np

from epitaxy.finetune.domain.job import JobState, Progress, Verdict
from epitaxy.finetune.ports import TransferResult
from epitaxy_models.calibration.conformal import COVERAGES, Calibrator
from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.transfer.fitted.card import BaseModel, CalibrationRecord, TransferCard
from epitaxy_models.transfer.fitted.model import Member, Part, TransferModel
from epitaxy_models.transfer.fitted.training_domain import TrainingDomain
from epitaxy_models.transfer.labels.target import TargetTransform
from epitaxy_models.transfer.strategies.median import FittedMedian
from epitaxy_models.transfer.verdict import Verdict as ModelVerdict

REPORT_BYTES = 3 * 2**20 + 17


def build(settings):
    return transfer


def transfer(job, labels, folder, on_event, should_stop):
    kind = job.spec.property_name
    on_event(JobState.AUDITING, Progress(0.1, "checking rows"))
    if kind == "bad_labels":
        raise ConfigurationError("9 of 12 rows are usable, 10 are needed", reason="TOO_FEW_LABELS")
    if kind == "bug":
        raise RuntimeError("secret detail of the inside")
    _train(kind, labels, on_event, should_stop)
    mean = float(np.nanmean(labels.values[job.spec.target.name]))
    small_model(mean, job.spec.seed).save(folder)
    return TransferResult(
        folder=folder,
        verdict=Verdict.HURTS if kind == "hurts" else Verdict.HELPS,
        strategy="pool_median",
        cross_validated_mae={"pool_median": 1.5},
        is_calibrated=kind != "hurts",
        report_json=json.dumps({"mean": mean}).encode(),
        report_html=b"x" * REPORT_BYTES,
        sentence="The mean will do.",
    )


def small_model(mean, seed):
    """A whole model that answers the mean."""
    calibrator = Calibrator(tuple(np.linspace(0.5, 3.0, len(COVERAGES))), 0.1, 12)
    card = TransferCard(
        name="small",
        base=BaseModel("substrate-mp", "5", "sha256:of-none"),
        definition=PropertyDefinition("small", "K", Fidelity.EXPERIMENT, "made up", "mean of the labels", None, None),
        transform=TargetTransform.fit("none", np.arange(3.0)),
        strategy="pool_median",
        calibration=CalibrationRecord(calibrator, "made up", 0.9, 0.9, 12),
        verdict=ModelVerdict.HELPS,
        verdict_reason="made up",
        maes={"pool_median": 1.5},
        n_labels=12,
        training={"seed": seed, "mean": mean},
    )
    structures = [crystal.structure for crystal in bundled_crystals()[:3]]
    directions = np.eye(2, dtype=np.float32)
    domain = TrainingDomain.along(np.zeros(2, np.float32), directions, np.arange(6.0).reshape(3, 2), structures)
    return TransferModel.of(card, [Member((Part(1.0, FittedMedian(mean, 1.0).state()),))], domain)


def _train(kind, labels, on_event, should_stop):
    assert len(labels.read_structures()) == labels.n_rows
    for step in range(100 if kind == "slow" else 1):
        # The worker's process id, for a test that means it ill.
        on_event(JobState.TRAINING, Progress(0.2 + 0.006 * step, "learning", {"pid": os.getpid()}))
        if should_stop():
            raise ConfigurationError("the job was stopped", reason="STOPPED")
        gate = Path(os.environ.get("SMALL_TRANSFER_GATE", "/nonexistent"))
        if kind == "slow" and not gate.exists():
            time.sleep(0.5)
