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
from epitaxy_models.errors import ConfigurationError

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
    (folder / "card.json").write_text(json.dumps({"mean": mean, "seed": job.spec.seed}))
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
