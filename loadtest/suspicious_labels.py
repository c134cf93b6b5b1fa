"""How often the check of labels stops natural labels, and which faults it catches.

``python -m loadtest.suspicious_labels --data ../shared/data``. Every label column is drawn 25, 100 and 250 rows at a
time; of 100 draws at most one may stop. Then one label of 40 is made wild, and energies are given in a wrong unit.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from epitaxy_models.transfer.labels.formulas import atoms_in
from epitaxy_models.transfer.labels.plausibility import Similarity
from epitaxy_models.transfer.labels.units import doubted_unit
from epitaxy_models.transfer.labels.wild import wild_labels
from loadtest.label_pools import Array, Half, Pool, Rows, read_pools, unit_of

SIZES = (25, 100, 250)
MOST_STOPPED = 0.01
WILD: dict[str, Callable[[float], float]] = {
    "9999": lambda label: 9999.0,
    "-100 x": lambda label: -100.0 * label,
    "1000 x": lambda label: 1000.0 * label,
}
_N_LABELS = 40
# Labels of one unit, as they look in another: energies of crystals.
_WRONG_UNITS = ("kJ/mol", "meV", "per cell", "per formula unit")
_IN_OTHERS = {"kJ/mol": 96.48533, "meV": 1000.0}
_ENERGIES = ("eV", "eV/atom")
_N_WRONG_DRAWS = 40


@dataclass(frozen=True, slots=True)
class Stops:
    """Draws of natural labels.

    Attributes:
        n_draws: Number of draws.
        by_wild: Draws stopped by a label.
        by_unit: Draws stopped by the unit.
    """

    n_draws: int
    by_wild: int
    by_unit: int

    @property
    def share(self) -> float:
        """Share of draws that are stopped, at most."""
        return (self.by_wild + self.by_unit) / self.n_draws

    def __str__(self) -> str:
        parts = [f"{n} by {name}" for n, name in ((self.by_wild, "label"), (self.by_unit, "unit")) if n]
        return f"{100 * self.share:.1f} %" + (f" ({', '.join(parts)})" if parts else "")


def wild_places(pool: Pool, rows: Rows, labels: Array) -> list[int]:
    """Positions of labels that stop a job; as a job asks, but for merging equal crystals and wording findings."""
    formulas = [pool.crystals[row].reduced_formula for row in rows]
    answers = [entry.values for entry in pool.answers_of(rows)]
    return [entry.place for entry in wild_labels(labels, Similarity.lazily(formulas, answers))]


def has_doubted_unit(pool: Pool, rows: Rows, labels: Array, unit: str) -> bool:
    """Whether the unit stops a job."""
    return doubted_unit(labels, unit, [pool.crystals[row] for row in rows], pool.answers_of(rows)) is not None


def natural_stops(pool: Pool, column: str, half: Half, n_labels: int, n_draws: int, seed: int) -> Stops | None:
    """Draws of natural labels; None where there are too few rows."""
    by_wild = by_unit = 0
    rows_drawn = list(_draws(pool.known(column, half), n_labels, n_draws, seed))
    for rows in rows_drawn:
        labels = pool.columns[column][rows]
        is_wild = bool(wild_places(pool, rows, labels))
        by_wild += is_wild
        by_unit += not is_wild and has_doubted_unit(pool, rows, labels, unit_of(column))
    return Stops(n_draws, by_wild, by_unit) if rows_drawn else None


def caught_wild(pool: Pool, column: str, half: Half, kind: str, seed: int) -> float:
    """Share of wild labels among 40 that are found; the label is one of at least median size."""
    random = np.random.default_rng(seed)
    found = []
    for rows in _draws(pool.known(column, half), _N_LABELS, _N_WRONG_DRAWS, seed):
        values, place = with_wild(pool.columns[column][rows], WILD[kind], random)
        found.append(place >= 0 and place in wild_places(pool, rows, values))
    return float(np.mean(found)) if found else float("nan")


def caught_units(pool: Pool, column: str, half: Half, kind: str, seed: int) -> float:
    """Share of draws of 40 labels in a wrong unit that are found; NaN where the column is no energy of crystals."""
    unit = unit_of(column)
    if unit not in _ENERGIES or not pool.structures or (unit == "eV" and kind.startswith("per")):
        return float("nan")
    found = []
    for rows in _draws(pool.known(column, half), _N_LABELS, _N_WRONG_DRAWS, seed):
        values = pool.columns[column][rows] * _factors(pool, rows, unit, kind)
        found.append(has_doubted_unit(pool, rows, values, unit))
    return float(np.mean(found)) if found else float("nan")


def with_wild(labels: Array, fault: Callable[[float], float], random: np.random.Generator) -> tuple[Array, int]:
    """Labels of which one is wild, and its place; -1 where all are zero."""
    sizes = np.abs(labels)
    large = np.flatnonzero((sizes >= np.median(sizes)) & (sizes > 0))
    if not len(large):
        return labels, -1
    place = int(random.choice(large))
    changed = labels.copy()
    changed[place] = fault(float(labels[place]))
    return changed, place


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints some lines a column; 1 if natural labels are stopped more often than allowed."""
    options = _options(arguments)
    half, worst = Half(options.half), 0.0
    with threadpool_limits(limits=1, user_api="blas"):
        for path in sorted(options.data.glob("*.parquet")):
            for pool in (
                read_pools(path, options.rows, options.seed, options.scratch) if options.only in path.stem else ()
            ):
                for column in pool.columns:
                    worst = max(worst, _measure(pool, column, half, options.draws, options.seed))
    sys.stdout.write(f"largest share of natural draws stopped: {100 * worst:.1f} %\n")
    return 0 if worst <= MOST_STOPPED else 1


def _measure(pool: Pool, column: str, half: Half, n_draws: int, seed: int) -> float:
    start = time.monotonic()
    stops = {size: natural_stops(pool, column, half, size, n_draws, seed) for size in SIZES}
    told = {size: stop for size, stop in stops.items() if stop is not None}
    caught = {kind: caught_wild(pool, column, half, kind, seed) for kind in WILD}
    caught |= {kind: caught_units(pool, column, half, kind, seed) for kind in _WRONG_UNITS}
    shares = ", ".join(f"{kind} {100 * share:.0f} %" for kind, share in caught.items() if np.isfinite(share))
    sys.stdout.write(
        f"{pool.name} {column} ({pool.kind}): stopped "
        + (", ".join(f"{size}: {stop}" for size, stop in told.items()) or "not measured, too few rows")
        + (f"; caught among {_N_LABELS}: {shares}" if shares else "")
        + f"; {time.monotonic() - start:.0f} s\n"
    )
    sys.stdout.flush()
    return max((stop.share for stop in told.values()), default=0.0)


def _draws(known: Rows, n_labels: int, n_draws: int, seed: int) -> Iterator[Rows]:
    random = np.random.default_rng(seed)
    if len(known) >= n_labels:
        yield from (random.choice(known, n_labels, replace=False) for _ in range(n_draws))


def _factors(pool: Pool, rows: Rows, unit: str, kind: str) -> Array:
    """What labels are multiplied by, ``[n_rows]``; kJ/mol for eV/atom means a mole of formula units."""
    crystals = [pool.crystals[row] for row in rows]
    atoms = np.array([atoms_in(crystal.reduced_formula) for crystal in crystals])
    if kind == "per cell":
        return np.array([crystal.n_sites for crystal in crystals], dtype=np.float64)
    if kind == "per formula unit":
        return atoms
    return _IN_OTHERS[kind] * (atoms if (kind, unit) == ("kJ/mol", "eV/atom") else np.ones(len(rows)))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="Folder of the data sets.")
    parser.add_argument("--draws", type=int, default=300, help="Draws of each size.")
    parser.add_argument("--rows", type=int, default=2500, help="Rows of a file.")
    parser.add_argument("--half", choices=list(Half), default=Half.ALL, help="Formulas to draw from.")
    parser.add_argument("--only", default="", help="Files whose name contains this.")
    parser.add_argument("--scratch", type=Path, help="Folder that keeps embeddings for the next run.")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
