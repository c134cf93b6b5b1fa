"""Errors on the shared sets of molecules, polymers and compositions, with and without their substrates.

Run as ``python -m loadtest.materials --data ../shared/data --work DIR [--target NAME ...] [--draws 5]``; run it again
to resume. Each draw holds out a third of the canonical keys, 400 rows at most, and learns from 25, 100 and 250 rows of
the others. ``--report`` prints the tables of docs/materials.md from what has been measured. Targets of classes (a
label above or below a threshold, or a phase) are measured by AUC, Brier score and calibration error instead; ``job`` is
what a whole fine-tuning job serves.
"""

import argparse
import json
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from epitaxy_models.compositions import read_composition
from epitaxy_models.errors import InvalidMaterialError
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.materials.kind import MaterialKind
from epitaxy_models.molecules import read_molecule
from epitaxy_models.polymers import read_polymer
from epitaxy_models.substrates.shipped import shipped_compositional, shipped_molecular, shipped_pair_cells
from epitaxy_models.transfer.classes.quality import quality_of
from epitaxy_models.transfer.conditions.blocks import CONDITION_PREFIX, condition_blocks
from epitaxy_models.transfer.conditions.condition import Condition
from epitaxy_models.transfer.descriptors.material_blocks import CompositionBlocks, MolecularBlocks
from epitaxy_models.transfer.fitted.model import TransferModel
from epitaxy_models.transfer.inputs import COUNTS, DESCRIPTORS, FRACTIONS, TransferInputs
from epitaxy_models.transfer.kinds.sample import Sample
from epitaxy_models.transfer.pipeline import run_material_transfer
from epitaxy_models.transfer.request import TransferRequest
from epitaxy_models.transfer.strategies.block_gp import BlockGP
from epitaxy_models.transfer.strategies.descriptor_forest import DescriptorForest
from epitaxy_models.transfer.strategies.full_forest import FullForest
from epitaxy_models.transfer.strategy import TransferStrategy

_LOG = logging.getLogger(__name__)
SIZES = (25, 100, 250)
_N_TEST = 400
_TEST_SHARE = 1 / 3
_NOMINAL_Z = 1.6448536269514722
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Target:
    """One column of one shared file.

    Attributes:
        file: Its name.
        column: Of the labels.
        text: Of the materials.
        kind: Of the materials.
        is_log: Whether models learn the logarithm.
        conditions: Columns that are conditions.
        is_one: Which values of the column are ones, of classes; None: the labels are numbers.
        once: Whether only the first row of each text counts.
    """

    file: str
    column: str
    text: str
    kind: str
    is_log: bool = False
    conditions: tuple[str, ...] = ()
    is_one: Callable[[Any], bool] | None = None
    once: bool = False


_ALLOY = ("test_temperature_C", "processing", "test_type")
TARGETS = {
    "polymer_tg": Target("poly_tg_exp", "tg_K", "smiles", "polymer"),
    "polymer_heat_capacity": Target("poly_pi1070_radonpy", "cp_J_kgK", "smiles", "polymer", is_log=True),
    "polymer_refractive_index": Target("poly_pi1070_radonpy", "refractive_index", "smiles", "polymer"),
    "polymer_conductivity": Target(
        "poly_pi1070_radonpy", "thermal_conductivity_W_mK", "smiles", "polymer", is_log=True
    ),
    "solubility": Target("mol_esol", "log_solubility_mol_L", "smiles", "molecule"),
    "steels": Target("alloys_steels", "yield_strength_MPa", "composition", "composition", is_log=True),
    "alloys": Target("alloys_mpea", "yield_strength_MPa", "composition", "composition", is_log=True, conditions=_ALLOY),
    "gap_by_formula": Target("comp_expt_gap", "band_gap_exp_eV", "composition", "composition"),
    "metal_by_formula": Target(
        "comp_expt_gap", "band_gap_exp_eV", "composition", "composition", is_one=lambda gap: gap == 0
    ),
    "single_phase": Target(
        "alloys_mpea", "phase", "composition", "composition", is_one=lambda phase: phase != "other", once=True
    ),
    "bcc": Target("alloys_mpea", "phase", "composition", "composition", is_one=lambda phase: phase == "BCC", once=True),
    "stiff": Target(
        "comp_log_kvrh", "log10_k_vrh_GPa", "composition", "composition", is_one=lambda log: log > np.log10(120)
    ),
    "glassy_at_150C": Target("poly_tg_exp", "tg_K", "smiles", "polymer", is_one=lambda tg: tg > 423.15),
}
# Of larger sets a sample: a network embeds every row.
_N_OF_CLASSES = 1500
_READERS: dict[str, Callable[[str], Any]] = {
    "polymer": lambda text: read_polymer(text).polymer,
    "molecule": lambda text: read_molecule(text).molecule,
    "composition": lambda text: read_composition(text).composition,
}


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What strategies read of materials without a crystal."""

    blocks: dict[str, Array]
    formulas: tuple[str, ...]
    conditions: dict[str, NDArray[Any]] = field(default_factory=dict)
    sides: None = None
    materials: tuple[Any, ...] = ()

    @property
    def n_rows(self) -> int:
        """Number of materials."""
        return len(self.formulas)

    @property
    def condition_blocks(self) -> tuple[str, ...]:
        """Names of the blocks of conditions, sorted."""
        return tuple(sorted(name for name in self.blocks if name.startswith(CONDITION_PREFIX)))

    def take(self, rows: NDArray[np.int64]) -> "Rows":
        """The chosen rows, in that order."""
        blocks = {name: block[rows] for name, block in self.blocks.items()}
        raw = {name: values[rows] for name, values in self.conditions.items()}
        chosen = tuple(self.materials[row] for row in rows) if self.materials else ()
        return Rows(blocks, tuple(self.formulas[row] for row in rows), raw, None, chosen)

    def only(self, *names: str) -> "Rows":
        """Some blocks beside the conditions."""
        kept = {n: b for n, b in self.blocks.items() if n in names or n.startswith(CONDITION_PREFIX)}
        return Rows(kept, self.formulas, self.conditions)

    def beside(self, *names: str) -> "Rows":
        """Some blocks side by side as the descriptors."""
        joined = np.concatenate([self.blocks[name] for name in names], axis=1)
        return Rows(self.only().blocks | {DESCRIPTORS: joined}, self.formulas, self.conditions)


def read_rows(target: Target, data: Path) -> tuple[Rows, Array]:
    """Blocks and labels of a target; what intake or substrate refuses is left out and counted in the log."""
    table = pd.read_parquet(data / f"{target.file}.parquet")
    table = table[table[target.column].notna()].reset_index(drop=True)
    if target.is_one is not None:
        table = table.drop_duplicates(target.text) if target.once else table
        table = table.sample(min(len(table), _N_OF_CLASSES), random_state=1).reset_index(drop=True)
        table[target.column] = table[target.column].map(target.is_one).astype(float)
    blocks_of = _blocks_of(target.kind)
    materials, kept = [], []
    for row, text in enumerate(table[target.text]):
        try:
            material = _READERS[target.kind](text)
            blocks_of.substrate.featurize(material)
        except InvalidMaterialError as error:
            _LOG.info("%s, row %d: %s", target.file, row, error.message)
            continue
        materials.append(material)
        kept.append(row)
    keys = tuple(getattr(material, "constitution", material.key) for material in materials)
    conditions, raw = _conditions(table.iloc[kept], target)
    blocks = blocks_of(materials) | condition_blocks(conditions, raw, len(kept))
    return Rows(blocks, keys, raw, None, tuple(materials)), table[target.column].to_numpy(dtype=np.float64)[kept]


def _blocks_of(kind: str) -> MolecularBlocks | CompositionBlocks:
    if kind == "composition":
        return CompositionBlocks(shipped_compositional(), shipped_pair_cells())
    return MolecularBlocks(shipped_molecular())


def _conditions(table: pd.DataFrame, target: Target) -> tuple[list[Condition], dict[str, NDArray[Any]]]:
    raw: dict[str, NDArray[Any]] = {}
    for name in target.conditions:
        values = table[name]
        if pd.api.types.is_numeric_dtype(values):
            raw[name] = values.to_numpy(dtype=np.float64)
        else:
            raw[name] = np.array([value if isinstance(value, str) else None for value in values], dtype=object)
    return [Condition.learned(name, values) for name, values in raw.items()], raw


def draws(keys: Sequence[str], number: int, sizes: Sequence[int]) -> Iterator[tuple[int, NDArray[np.int64], Array]]:
    """Size, training rows and test rows; no key is on both sides."""
    generator = np.random.default_rng([29, number])
    own = np.array(keys)
    distinct = generator.permutation(np.unique(own))
    is_test = np.isin(own, distinct[: round(len(distinct) * _TEST_SHARE)])
    test = generator.permutation(np.flatnonzero(is_test))[:_N_TEST]
    rest = generator.permutation(np.flatnonzero(~is_test))
    for size in sizes:
        if size <= len(rest):
            yield size, rest[:size], test


def contestants(rows: Rows) -> dict[str, tuple[TransferStrategy, Rows]]:
    """Rivals without a substrate, and what stands on one."""
    without = (DESCRIPTORS, COUNTS if COUNTS in rows.blocks else FRACTIONS)
    found: dict[str, tuple[TransferStrategy, Rows]] = {
        "trees": (DescriptorForest(), rows.beside(*without)),
        "gp": (BlockGP(), rows.only(*without)),
        "block_gp": (BlockGP(), rows),
        "full_forest": (FullForest(), rows),
    }
    if FRACTIONS in rows.blocks:
        found["statistics_trees"] = (DescriptorForest(), rows.only(DESCRIPTORS))
        found["fraction_forest"] = (DescriptorForest(blocks=(FRACTIONS,)), rows.only(FRACTIONS))
    return found


_OURS = ("block_gp", "full_forest", "fraction_forest")


def measure(
    rows: Rows, labels: Array, train: NDArray[np.int64], test: NDArray[np.int64], *, is_log: bool
) -> dict[str, Any]:
    """Mean absolute errors by contestant, of the mean of ours, and the coverage of its 90 % intervals."""
    targets = np.log(labels) if is_log else labels
    values, stds, errors = {}, {}, {}
    for name, (strategy, seen) in contestants(rows).items():
        inputs = cast("TransferInputs", seen.take(train))
        prediction = strategy.fit(inputs, targets[train], 0).predict(cast("TransferInputs", seen.take(test)))
        values[name], stds[name] = prediction.values, prediction.stds
        errors[name] = float(np.abs(_raw(prediction.values, is_log) - labels[test]).mean())
    ours = [name for name in _OURS if name in values]
    middle, width = (np.mean([part[name] for name in ours], axis=0) for part in (values, stds))
    errors["mean"] = float(np.abs(_raw(middle, is_log) - labels[test]).mean())
    errors["median"] = float(np.abs(np.median(labels[train]) - labels[test]).mean())
    inside = np.abs(middle - targets[test]) <= _NOMINAL_Z * width
    return {"errors": errors, "coverage": float(inside.mean())}


def measure_classes(
    rows: Rows, labels: Array, train: NDArray[np.int64], test: NDArray[np.int64], job: TransferModel
) -> dict[str, Any]:
    """AUC and Brier score by contestant and of what a job serves, and the job's calibration error.

    Scores of contestants are cut to 0 and 1 for the Brier score; they have no link.
    """
    aucs, briers = {}, {}
    for name, (strategy, seen) in contestants(rows).items():
        scorer = replace(strategy, about_mean=True, is_robust=False) if isinstance(strategy, BlockGP) else strategy
        inputs = cast("TransferInputs", seen.take(train))
        scores = scorer.fit(inputs, labels[train], 0).predict(cast("TransferInputs", seen.take(test))).values
        aucs[name] = float(roc_auc_score(labels[test], scores))
        briers[name] = float(np.mean((np.clip(scores, 0.0, 1.0) - labels[test]) ** 2))
    given = job.predict(inputs_of(rows.take(test)), 0.9).values[:, 0]
    quality = quality_of(given, labels[test], {})
    aucs["job"], briers["job"] = quality.auc, quality.brier
    told = {"calibration_error": quality.calibration_error, "by_chance": quality.expected_calibration_error}
    return {"auc": aucs, "brier": briers, **told}


def job_on(rows: Rows, labels: Array, train: NDArray[np.int64], kind: str) -> TransferModel:
    """What a fine-tuning job makes of the training rows."""
    material = MaterialKind(kind)
    samples = [Sample(material, rows.materials[row]).as_row() for row in train]
    definition = PropertyDefinition("one", "1", Fidelity.EXPERIMENT, "measured", "", 0.0, 1.0)
    with tempfile.TemporaryDirectory() as folder:
        named = [(str(row), sample) for row, sample in zip(train.tolist(), samples, strict=True)]
        request = TransferRequest("one", named, labels[train], definition, Path(folder) / "out", are_classes=True)
        return TransferModel.load(run_material_transfer(request, material).model)


def inputs_of(rows: Rows) -> TransferInputs:
    """The same rows as a tenant's model reads them."""
    kind = MaterialKind.COMPOSITION if FRACTIONS in rows.blocks else MaterialKind.POLYMER
    samples = tuple(Sample(kind, material).as_row() for material in rows.materials)
    return TransferInputs(samples, (), rows.blocks)


def _raw(values: Array, is_log: bool) -> Array:
    return np.exp(values) if is_log else values


def run(options: argparse.Namespace) -> None:
    """Measures what has not been measured yet."""
    record = options.work / "materials.jsonl"
    options.work.mkdir(parents=True, exist_ok=True)
    done = {(e["target"], e["draw"], e["size"]) for e in _read(record)}
    for name in options.target or TARGETS:
        wanted = [(draw, size) for draw in range(options.draws) for size in SIZES]
        if all((name, *entry) in done for entry in wanted):
            continue
        rows, labels = read_rows(TARGETS[name], options.data)
        for draw in range(options.draws):
            for size, train, test in draws(rows.formulas, draw, SIZES):
                if (name, draw, size) in done:
                    continue
                found = _measured(TARGETS[name], rows, labels, train, test)
                entry = {"target": name, "draw": draw, "size": size, **found}
                with record.open("a") as file:
                    file.write(json.dumps(entry) + "\n")
                told = found.get("errors") or found["auc"]
                _LOG.info("%s %d %d %s", name, draw, size, {k: round(v, 4) for k, v in told.items()})


def _measured(
    target: Target, rows: Rows, labels: Array, train: NDArray[np.int64], test: NDArray[np.int64]
) -> dict[str, Any]:
    if target.is_one is None:
        return measure(rows, labels, train, test, is_log=target.is_log)
    return measure_classes(rows, labels, train, test, job_on(rows, labels, train, target.kind))


_WHICH = ("target", "draw", "size")


def report(record: Path) -> str:
    """Medians over the draws as tables: errors by size and the coverage of the mean's intervals; of classes scores."""
    entries = _read(record)
    numbers = [{k: e[k] for k in (*_WHICH, "coverage")} | e["errors"] for e in entries if "errors" in e]
    aucs, briers = ([{k: e[k] for k in _WHICH} | e[score] for e in entries if score in e] for score in ("auc", "brier"))
    held = [{k: e[k] for k in (*_WHICH, "calibration_error", "by_chance")} for e in entries if "auc" in e]
    titled = {"": numbers, "AUC": aucs, "Brier score": briers, "Calibration error of the job": held}
    return "\n\n".join(f"{title}\n{_medians(rows)}".strip() for title, rows in titled.items() if rows)


def _medians(rows: Sequence[dict[str, Any]]) -> str:
    table = pd.DataFrame(rows)
    columns = [column for column in table if column not in {"target", "draw", "size"}]
    medians = table.groupby(["target", "size"])[columns].median()
    lines = [f"| target | {' | '.join(columns)} |", "|" + "---|" * (len(columns) + 1)]
    for target in table["target"].unique():
        cells = [" / ".join(_shown(medians.loc[target, column])) for column in columns]
        lines.append(f"| {target} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _shown(values: pd.Series) -> list[str]:
    return ["-" if np.isnan(value) else f"{value:.3g}" for value in values]


def _read(record: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []


def main() -> None:
    """Measures or reports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder of the record, by which a run is resumed")
    parser.add_argument("--target", nargs="*", choices=sorted(TARGETS))
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    if not options.report:
        run(options)
    print(report(options.work / "materials.jsonl"))


if __name__ == "__main__":
    main()
