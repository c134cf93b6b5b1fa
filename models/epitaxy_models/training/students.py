"""Fits students to an ensemble's own answers: ``python -m epitaxy_models.training.students --data FILE --work DIR``.

Labels are not looked at. The rows are embedded once; their answers stay in the work folder. Formulas are split by a
hash into three parts: one that students are fitted to, one that their errors are measured on, and one that replays of
searches draw from.
"""

import argparse
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.search import CandidateColumns, Stage, Students, save_students
from epitaxy_models.search.calibrating import calibrated, seen_at
from epitaxy_models.search.features import features
from epitaxy_models.training.student_answers import EnsembleAnswers, answers_of
from epitaxy_models.training.student_network import (
    N_NUMBERS,
    StudentConfig,
    TorchStudent,
    dense_inputs,
    hide_volumes,
    loss_of,
    to_numpy,
)

_LOG = logging.getLogger(__name__)
# More errors would not make the files better and would make them larger.
_MOST_RESIDUALS = 4000
_FEWEST_CRYSTALS = 100


@dataclass(frozen=True, slots=True, eq=False)
class FittedStudents:
    """Students, and what a record should say of them."""

    students: Students
    facts: dict[str, Any]


def fit_students(
    answers: EnsembleAnswers,
    weights_digest: str,
    config: StudentConfig | None = None,
    seed: int = 0,
) -> FittedStudents:
    """Fits all members and measures their errors. Raises ConfigurationError for fewer than 100 crystals of a part."""
    config = config or StudentConfig()
    is_fit, is_calibration = answers.parts == "fit", answers.parts == "calibration"
    if min(is_fit.sum(), is_calibration.sum()) < _FEWEST_CRYSTALS:
        raise ConfigurationError(
            f"students need {_FEWEST_CRYSTALS} crystals to fit and as many to calibrate: give more"
        )
    wanted = answers.wanted
    centers, spreads = wanted[is_fit].mean(axis=0), np.maximum(wanted[is_fit].std(axis=0), 1e-6)
    seen = features(answers.columns)
    mean, std = seen[is_fit].mean(axis=0), np.maximum(seen[is_fit].std(axis=0), 1e-3)
    inputs = dense_inputs(_shares(answers.columns), np.clip((seen - mean) / std, -8, 8))[torch.from_numpy(is_fit)]
    targets = torch.from_numpy(((wanted[is_fit] - centers) / spreads).astype(np.float32))
    members = [_fit_member(inputs, targets, mean, std, config, seed + row) for row in range(config.n_members)]
    uncalibrated = Students(
        quantities=answers.quantities,
        network=to_numpy(members, mean.astype(np.float32), std.astype(np.float32)),
        centers=centers.astype(np.float32),
        spreads=spreads.astype(np.float32),
        scale_factors=np.ones((len(Stage), wanted.shape[1]), dtype=np.float32),
        residuals=np.zeros((len(Stage), wanted.shape[1], 0), dtype=np.float32),
        known_elements=_known(answers.columns, is_fit),
        weights_digest=weights_digest,
    )
    calibration = answers.rows(is_calibration)
    calibration = calibration.rows(np.arange(len(calibration.wanted)) < _MOST_RESIDUALS)
    students = calibrated(uncalibrated, calibration.columns, calibration.wanted)
    facts = {"config": asdict(config), "n_fit": int(is_fit.sum()), "n_calibration": int(is_calibration.sum())}
    return FittedStudents(students, facts | {"held_out": _measure(students, answers.rows(answers.parts == "held_out"))})


def _fit_member(
    inputs: torch.Tensor,
    targets: torch.Tensor,
    mean: NDArray[np.float32],
    std: NDArray[np.float32],
    config: StudentConfig,
    seed: int,
) -> TorchStudent:
    """One network, by AdamW with one cycle of the learning rate."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    network = TorchStudent(targets.shape[1], config)
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.peak_rate, weight_decay=config.weight_decay)
    n_batches = max(len(inputs) // config.batch_size, 1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.peak_rate, total_steps=config.epochs * n_batches + 1, pct_start=0.1
    )
    for epoch in range(config.epochs):
        order = torch.randperm(len(inputs), generator=generator)
        for rows in torch.chunk(order[: n_batches * config.batch_size], n_batches):
            said = network(hide_volumes(inputs[rows], config.without_volume, generator))
            loss = loss_of(said, targets[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            torch.nn.utils.clip_grad_norm_(network.parameters(), 3.0)
            optimizer.step()
            schedule.step()
        _LOG.info("member %d: epoch %d of %d, loss %.4f", seed, epoch + 1, config.epochs, loss.detach().item())
    return network.eval()


def _measure(students: Students, crystals: EnsembleAnswers) -> dict[str, dict[str, float]]:
    """Errors and ranks on crystals that neither the fit nor the calibration saw, by stage and quantity."""
    measured = {}
    for stage in Stage:
        scores = students.score(seen_at(stage, crystals.columns))
        for column, (name, end) in enumerate(students.quantities):
            is_known = np.isfinite(scores.values[:, column])
            said, wanted = scores.values[is_known, column], crystals.wanted[is_known, column]
            lower, upper = students.bounds(scores, column, 0.9)
            is_inside = (lower <= crystals.wanted[:, column]) & (crystals.wanted[:, column] <= upper)
            measured[f"{stage.name.lower()}.{name}.{end}"] = {
                "n": int(is_known.sum()),
                "mae": float(np.abs(said - wanted).mean()),
                "correlation": float(np.corrcoef(said, wanted)[0, 1]),
                "coverage_90": float(is_inside[is_known].mean()),
            }
    return measured


def _known(columns: CandidateColumns, is_fit: NDArray[np.bool_]) -> NDArray[np.bool_]:
    known = np.zeros(N_NUMBERS, dtype=bool)
    known[np.unique(columns.rows(np.flatnonzero(is_fit)).atomic_numbers)] = True
    return known


def _shares(columns: CandidateColumns) -> NDArray[np.float32]:
    """Shares of the elements as a matrix, float32 ``[n, N_NUMBERS]``."""
    dense = np.zeros((len(columns), N_NUMBERS), dtype=np.float32)
    dense[np.repeat(np.arange(len(columns)), np.diff(columns.offsets)), columns.atomic_numbers] = columns.shares
    return dense


def main() -> None:
    """Answers, fit, files beside the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="Parquet with a structure column")
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps the ensemble's answers")
    parser.add_argument("--model", type=Path, default=shipped_model(), help="folder of the model to learn from")
    parser.add_argument("--out", type=Path, help="folder to write the students to (default: the model's)")
    parser.add_argument("--size", type=int, default=10**9, help="crystals to learn from (default: all)")
    parser.add_argument("--epochs", type=int, default=StudentConfig().epochs)
    parser.add_argument("--width", type=int, default=StudentConfig().width)
    parser.add_argument("--members", type=int, default=StudentConfig().n_members)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(options.threads)
    artifact = load_artifact(options.model)
    answers = answers_of(options.data, options.work, artifact, options.size)
    config = StudentConfig(width=options.width, epochs=options.epochs, n_members=options.members)
    fitted = fit_students(answers, artifact.weights_digest, config)
    save_students(fitted.students, options.out or options.model, fitted.facts)
    for name, numbers in fitted.facts["held_out"].items():
        _LOG.info("%s: %s", name, ", ".join(f"{key} {value:.4g}" for key, value in numbers.items()))


if __name__ == "__main__":
    main()
