"""How often the check of labels stops natural labels, what it catches, and what an accepted wild label costs.

``python -m loadtest.suspicious_labels --data ../shared/data``. Every label column is drawn from 25, 100 and 250 rows at
a time; of 100 draws at most one may stop. Then one label of 40 is made wild, in three ways. Last, the default process
learns 40 labels of which one is wild, and its error on 400 others is compared with that of the same 40 without a fault.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from epitaxy_models.data.units import UNITS, suffix_of
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.structures import Structure, structure_from_column
from epitaxy_models.transfer.features import SubstrateFeatures
from epitaxy_models.transfer.inputs import TransferInputs
from epitaxy_models.transfer.labels.judging import Crystal, LabelledRow, judge_labels
from epitaxy_models.transfer.labels.references import SubstrateReferences
from epitaxy_models.transfer.labels.target import TargetTransform
from epitaxy_models.transfer.labels.units import ReferenceValues
from epitaxy_models.transfer.strategies.block_gp import BlockGP

Array = NDArray[np.float64]

SIZES = (25, 100, 250)
MOST_STOPPED = 0.01
MOST_LOST = 0.20
WILD: dict[str, Callable[[float], float]] = {
    "9999": lambda label: 9999.0,
    "-100 x": lambda label: -100.0 * label,
    "1000 x": lambda label: 1000.0 * label,
}
# Labels that no tenant would learn: coordinates of a cell, counts, sources.
_NO_LABELS = {"nsites", "nelements", "spacegroup_number", "year", "min_dist_A", "volume_A3", "test_temperature_C"}
_NO_LABELS |= {f"{name}_A" for name in "abc"} | {f"{name}_deg" for name in ("alpha", "beta", "gamma")}
_COSTED = (
    ("expt_formation_enthalpy", "formation_enthalpy_exp_eV_atom"),
    ("mp_multifidelity_gap", "band_gap_exp_eV"),
    ("matbench_phonons", "last_phdos_peak_cm1"),
    ("dielectric_petousis2017", "eps_electronic_poly"),
)
_N_TRAIN, _N_TEST = 40, 400
_LARGEST_CELL = 60


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Rows of one file.

    Attributes:
        name: Of the file.
        crystals: One a row; a row without a structure has its composition, or nothing, for a formula.
        answers: What the substrate predicts; empty without structures.
        columns: Labels by name, ``[n_rows]``.
        structures: Empty where the file has none.
    """

    name: str
    crystals: Sequence[Crystal]
    answers: Sequence[ReferenceValues]
    columns: dict[str, Array]
    structures: Sequence[Structure]


def read_pool(path: Path, n_rows: int, seed: int) -> Pool:
    """At most ``n_rows`` rows of a file, drawn by ``seed``; the substrate sees each structure once."""
    table = pd.read_parquet(path)
    if "structure" in table and "nsites" in table:
        table = table[table["structure"].notna() & (table["nsites"] <= _LARGEST_CELL)]
    table = table.sample(min(len(table), n_rows), random_state=seed)
    columns = {
        str(name): table[name].to_numpy(dtype=np.float64)
        for name in table.select_dtypes("number")
        if name not in _NO_LABELS
    }
    if "structure" in table:
        artifact = load_artifact(shipped_model())
        structures = [structure_from_column(text) for text in table["structure"]]
        graphs = [build_graph(structure, artifact.card.rule) for structure in structures]
        answers = SubstrateReferences(artifact, Embedder(artifact))(graphs, structures)
        crystals = [Crystal(one.reduced_formula, one.n_sites, row) for row, one in enumerate(structures)]
        return Pool(path.stem, crystals, answers, columns, structures)
    texts = table["composition"] if "composition" in table else [""] * len(table)
    return Pool(path.stem, [Crystal(str(text), 1, row) for row, text in enumerate(texts)], (), columns, ())


def is_stopped(pool: Pool, rows: NDArray[np.int64], labels: Array, unit: str, place: int | None = None) -> bool:
    """Whether gross errors stop a job on these rows; with ``place``, whether that label is among them."""
    given = [
        LabelledRow(number, str(number), label, pool.crystals[row])
        for number, (row, label) in enumerate(zip(rows.tolist(), labels.tolist(), strict=True))
    ]

    def answers(chosen: NDArray[np.int64]) -> list[ReferenceValues]:
        return [ReferenceValues(one.name, one.unit, one.values[rows[chosen]]) for one in pool.answers]

    gross = judge_labels(given, unit, "auto", answers).check.gross
    return bool(gross) if place is None else any(entry.row == place for entry in gross)


def stopped_share(pool: Pool, column: str, n_labels: int, n_draws: int, seed: int) -> float:
    """Share of draws of natural labels that are stopped; NaN where there are too few rows."""
    labels, unit = pool.columns[column], unit_of(column)
    known = np.flatnonzero(np.isfinite(labels))
    if len(known) < n_labels:
        return float("nan")
    random = np.random.default_rng(seed)
    draws = (random.choice(known, n_labels, replace=False) for _ in range(n_draws))
    return float(np.mean([is_stopped(pool, rows, labels[rows], unit) for rows in draws]))


def caught_share(pool: Pool, column: str, kind: str, n_draws: int, seed: int) -> float:
    """Share of wild labels among 40 that are found; the label is one of at least median size."""
    labels, unit = pool.columns[column], unit_of(column)
    known = np.flatnonzero(np.isfinite(labels))
    if len(known) < _N_TRAIN:
        return float("nan")
    random = np.random.default_rng(seed)
    found = []
    for _ in range(n_draws):
        rows = random.choice(known, _N_TRAIN, replace=False)
        values, place = with_wild(labels[rows], kind, random)
        found.append(place >= 0 and is_stopped(pool, rows, values, unit, place))
    return float(np.mean(found))


def with_wild(labels: Array, kind: str, random: np.random.Generator) -> tuple[Array, int]:
    """Labels of which one is wild, and its place; -1 where all are zero."""
    sizes = np.abs(labels)
    large = np.flatnonzero((sizes >= np.median(sizes)) & (sizes > 0))
    if not len(large):
        return labels, -1
    place = int(random.choice(large))
    changed = labels.copy()
    changed[place] = WILD[kind](float(labels[place]))
    return changed, place


def costs(pool: Pool, column: str, n_draws: int, seed: int) -> Iterator[tuple[str, float]]:
    """Error of the default process with a wild label over its error without, by kind: the median of some draws."""
    labels = pool.columns[column]
    random = np.random.default_rng(seed)
    chosen = random.choice(np.flatnonzero(np.isfinite(labels)), _N_TRAIN + _N_TEST, replace=False)
    artifact = load_artifact(shipped_model())
    inputs = SubstrateFeatures(artifact).inputs_of([pool.structures[row] for row in chosen], Embedder(artifact))
    values = labels[chosen]
    for kind in WILD:
        ratios = []
        for _ in range(n_draws):
            order = random.permutation(len(chosen))
            train, test = order[:_N_TRAIN], order[_N_TRAIN:]
            clean = _error(inputs, values, train, test, values[train])
            ratios.append(_error(inputs, values, train, test, with_wild(values[train], kind, random)[0]) / clean)
        yield kind, float(np.median(ratios))


def _error(
    inputs: TransferInputs, values: Array, train: NDArray[np.int64], test: NDArray[np.int64], labels: Array
) -> float:
    rows = [LabelledRow(n, str(n), label, Crystal("", 1, n)) for n, label in enumerate(labels.tolist())]
    # As a job does that accepts them: wild labels are left out.
    wild = [entry.row for entry in judge_labels(rows).check.gross if entry.row is not None]
    kept = np.setdiff1d(np.arange(len(labels)), wild)
    transform = TargetTransform.fit("auto", labels[kept])
    fitted = BlockGP().fit(inputs.take(train[kept]), transform.forward(labels[kept]), 0)
    found = transform.inverse(fitted.predict(inputs.take(test)).values)
    return float(np.abs(found - values[test]).mean())


def unit_of(column: str) -> str:
    """The unit in a column's name; 1 where there is none."""
    suffix = suffix_of(column)
    return UNITS[suffix] if suffix else "1"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints one line a column; 1 if natural labels are stopped, or an accepted wild label costs, more than allowed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="Folder of the data sets.")
    parser.add_argument("--draws", type=int, default=300, help="Draws of each size.")
    parser.add_argument("--rows", type=int, default=1500, help="Rows of a file.")
    parser.add_argument("--only", default="", help="Files whose name contains this.")
    parser.add_argument("--costs", type=int, default=3, help="Draws of each cost; 0: none.")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    is_kept = True
    for path in sorted(options.data.glob("*.parquet")):
        if options.only not in path.stem:
            continue
        pool = read_pool(path, options.rows, options.seed)
        for column in pool.columns:
            shares = [stopped_share(pool, column, size, options.draws, options.seed) for size in SIZES]
            caught = [caught_share(pool, column, kind, 40, options.seed) for kind in WILD]
            is_kept &= not any(share > MOST_STOPPED for share in shares)
            _print(f"{pool.name} {column}: stopped", SIZES, shares)
            _print("    caught among 40", list(WILD), caught)
        for name, column in _COSTED if options.costs else ():
            for kind, ratio in costs(pool, column, options.costs, options.seed) if name == pool.name else ():
                is_kept &= ratio <= 1 + MOST_LOST
                sys.stdout.write(f"    {column}: error with one wild label ({kind}) {ratio:.2f} times\n")
        sys.stdout.flush()
    return 0 if is_kept else 1


def _print(title: str, names: Sequence[object], shares: Sequence[float]) -> None:
    parts = (f"{name}: {100 * share:.1f} %" for name, share in zip(names, shares, strict=True) if np.isfinite(share))
    sys.stdout.write(f"{title} {', '.join(parts)}\n")


if __name__ == "__main__":
    sys.exit(main())
