"""What a job made of few labels, kept as files: both benchmarks read them, so that a draw is measured once."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.out_of_fold import OutOfFold


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """One model of few labels on the scale of its fit: what it says of test rows, and its predictions out of fold."""

    truth: NDArray[np.float64]
    values: NDArray[np.float64]
    expected_errors: NDArray[np.float64]
    predictions: OutOfFold

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npz")
        own = {name: getattr(self, name) for name in ("truth", "values", "expected_errors")}
        folds = {name: getattr(self.predictions, name) for name in ("rows", "values", "expected_errors", "labels")}
        np.savez(part, **own, **{f"out_of_fold_{name}": value for name, value in folds.items()})
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Draw":
        with np.load(path, allow_pickle=False) as kept:
            names = ("rows", "values", "expected_errors", "labels")
            folds = OutOfFold(*(kept[f"out_of_fold_{name}"] for name in names))
            return cls(kept["truth"], kept["values"], kept["expected_errors"], folds)


def draw_path(folder: Path, weights_digest: str, target: str, pool: int, n: int, seed: int) -> Path:
    """Where a draw of ``n`` labels of a target, of ``pool`` rows at most, is kept for one substrate."""
    return folder / weights_digest.removeprefix("sha256:")[:12] / f"{target}-{pool}-{n}-{seed}.npz"
