"""Whether searches keep their promise, on crystals that no student saw: ``python -m loadtest.search --parquet FILE``.

Each search is played again with many seeds, on another part of the pool each time, against the ensemble's own answers
to all of it. Writes JSON: recall reached, how often the target was reached, how often the interval of the estimate
held, and the share that was evaluated.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from epitaxy.gateway.search import Comparison, Condition, Direction, End, Goal, Quantity, SearchOrder
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.search import load_students
from epitaxy_models.training.student_answers import answers_of
from loadtest.search_replay import Pool, Replayed, replay

_GAP, _ENERGY, _HULL = Quantity("band_gap"), Quantity("formation_energy"), Quantity("energy_above_hull")
_STABLE = Condition(_HULL, Comparison.LESS_OR_EQUAL, 0.05)


def orders(n: int, recall: float, seed: int) -> Iterator[tuple[str, SearchOrder]]:
    """What users ask for, of a pool of ``n``."""
    one_percent, hundred = max(n // 100, 1), min(100, n)
    goals = {
        "band_gap:max": Goal(_GAP, Direction.MAX),
        "band_gap:match:1.5": Goal(_GAP, Direction.MATCH, 1.5),
        "formation_energy:min": Goal(_ENERGY, Direction.MIN),
        "energy_above_hull:min": Goal(_HULL, Direction.MIN),
    }
    for name, goal in goals.items():
        for best in sorted({10, hundred, one_percent}):
            yield f"{name}, K {best}", SearchOrder(best, goal, recall=recall, seed=seed)
    lower = Goal(Quantity("band_gap", End.LOWER), Direction.MAX)
    yield f"band_gap:max:lower, K {hundred}", SearchOrder(hundred, lower, recall=recall, seed=seed)
    gap = goals["band_gap:max"]
    yield (
        f"band_gap:max where hull <= 0.05, in domain, 2 per formula, K {hundred}",
        SearchOrder(hundred, gap, (_STABLE,), recall, in_domain=True, per_formula=2, seed=seed),
    )
    window = (Condition(_GAP, Comparison.GREATER, 3.0), Condition(_ENERGY, Comparison.LESS, -2.0))
    yield (
        f"hull:min where gap > 3, energy < -2, K {hundred}",
        SearchOrder(hundred, goals["energy_above_hull:min"], window, recall, seed=seed),
    )
    impossible = (Condition(_GAP, Comparison.GREATER, 30.0),)
    yield (
        f"energy:min where gap > 30, K {hundred}",
        SearchOrder(hundred, goals["formation_energy:min"], impossible, recall, seed=seed),
    )


def report(runs: list[Replayed]) -> dict[str, object]:
    """What the seeds of one search amount to."""
    recalls = np.array([run.recall for run in runs])
    shares = np.array([run.summary.share_evaluated for run in runs])
    return {
        "recall_mean": round(float(recalls.mean()), 4),
        "recall_least": round(float(recalls.min()), 4),
        "target_reached": round(float(np.mean([run.is_kept for run in runs])), 3),
        "interval_holds": round(float(np.mean([run.is_covered for run in runs])), 3),
        "share_evaluated": round(float(np.median(shares)), 4),
        "share_evaluated_most": round(float(shares.max()), 4),
        "n_found": int(np.median([run.summary.n_found for run in runs])),
        "notes": list(runs[0].summary.notes),
    }


def main() -> None:
    """Replays, and their report as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parquet", type=Path, required=True, help="Parquet with a structure column")
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps the ensemble's answers")
    parser.add_argument("--students", type=Path, default=shipped_model(), help="folder of the students")
    parser.add_argument("--size", type=int, default=10**9, help="crystals of the data to answer (default: all)")
    parser.add_argument("--pool", choices=["held_out", "all"], default="held_out", help="crystals to search among")
    parser.add_argument("--part", type=float, default=0.8, help="share of the pool that each seed searches")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--recall", type=float, default=0.99)
    parser.add_argument("--only", default="", help="searches whose name holds this text")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    artifact = load_artifact(shipped_model())
    answers = answers_of(options.parquet, options.work, artifact, options.size)
    if options.pool == "held_out":
        answers = answers.rows(answers.parts == "held_out")
    students = load_students(options.students, artifact.weights_digest)
    started = time.perf_counter()
    pool = Pool(students.score(answers.columns), answers, students)
    microseconds = (time.perf_counter() - started) * 1e6 / len(answers.wanted)
    runs: dict[str, list[Replayed]] = {}
    for seed in range(options.seeds):
        n = round(options.part * len(answers.wanted))
        rows = np.sort(np.random.default_rng(seed).choice(len(answers.wanted), size=n, replace=False))
        part = pool.part(rows)
        for name, order in orders(n, options.recall, seed):
            if options.only in name:
                runs.setdefault(name, []).append(replay(part, order))
    found = {
        "n_candidates": round(options.part * len(answers.wanted)),
        "microseconds_a_score": round(microseconds, 1),
        "recall_target": options.recall,
        "seeds": options.seeds,
        "searches": {name: report(of_name) for name, of_name in runs.items()},
    }
    text = json.dumps(found, indent=1)
    if options.out:
        options.out.write_text(f"{text}\n")
    print(text)


if __name__ == "__main__":
    main()
