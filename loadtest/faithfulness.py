"""Do explanations hold: ``python -m loadtest.faithfulness --data ../shared/data --count 200 --out FILE.json``.

Crystals of the test part of the pretraining data (formulas that neither training nor calibration saw) are explained by
the shipped model, and every explanation is tested: its parts are taken away and put back in the order of their
contributions, and in random orders. Three orders are compared on the same crystals: that of all parts (classes of
atoms, and shells of neighbours), that of whole elements, and, as a control, contributions dealt to the wrong parts.
Intervals are bootstraps over crystals; seconds are CPU seconds of one thread. What was measured is kept beside FILE,
and a run that was cut short goes on from there.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.explanation.ablation import AblatedCrystal
from epitaxy_models.explanation.anatomy import CrystalAnatomy
from epitaxy_models.explanation.attribution import Attribution, integrated_gradients
from epitaxy_models.explanation.contributions import element_contributions, shell_totals, site_contributions
from epitaxy_models.explanation.explainer import MAX_EDGES
from epitaxy_models.explanation.faithfulness import judge
from epitaxy_models.explanation.network import ExplainedNetwork
from epitaxy_models.structures import Structure, structure_from_column
from epitaxy_models.training.split import parts_of

PROPERTIES = ("formation_energy", "band_gap")
N_RESAMPLED = 2000
# Of the elements of a crystal, all orders are tried: 120 for five.
MAX_ELEMENTS = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One explained crystal.

    Attributes:
        change: Of the prediction, from no elements to the crystal.
        completeness_error: What the contributions miss of it.
        relative_std: Mean over sites of the members' deviation, in units of the mean size of a site's contribution.
        beats_random: Share of random orders of parts that the order of the contributions beats; NaN where not tested.
        advantage: Mean of deletion and insertion above those of random orders, in shares of the change.
        control_beats_random: The same with contributions dealt to the wrong parts.
        elements_rank: Share of the other orders of its elements that the order of their contributions beats; NaN where
            there is one element.
    """

    change: float
    completeness_error: float
    relative_std: float
    is_faithful: bool
    beats_random: float
    advantage: float
    control_beats_random: float
    elements_rank: float
    seconds: float


def explain_row(network: ExplainedNetwork, anatomy: CrystalAnatomy, name: str) -> Row:
    began = time.process_time()
    crystal = AblatedCrystal(network, anatomy, name)
    found = integrated_gradients(crystal, network.spread(name))
    ranked = np.concatenate([found.nodes, shell_totals(anatomy, found)], axis=1).mean(axis=0)
    seed = int.from_bytes(anatomy.graph.key[:8], "little")
    verdict = judge(ranked, value_of(crystal), seed)
    seconds = time.process_time() - began
    control = judge(np.random.default_rng(seed).permutation(ranked), value_of(crystal), seed)
    tested = verdict.n_random_orders > 0
    gained = verdict.deletion + verdict.insertion - verdict.random_deletion - verdict.random_insertion
    spreads = [site.spread for site in site_contributions(anatomy, found)]
    size = float(np.mean([abs(spread.value) for spread in spreads]))
    return Row(
        change=float((found.values - found.baselines).mean()),
        completeness_error=found.completeness_error,
        relative_std=float(np.mean([spread.std for spread in spreads])) / max(size, 1e-9),
        is_faithful=verdict.is_faithful,
        beats_random=verdict.beats_random if tested else np.nan,
        advantage=gained / 2 if tested else np.nan,
        control_beats_random=control.beats_random if tested else np.nan,
        elements_rank=elements_rank(crystal, found),
        seconds=seconds,
    )


def value_of(crystal: AblatedCrystal) -> Callable[[NDArray[np.bool_]], NDArray[np.float64]]:
    return lambda present: np.asarray(crystal.values(present).mean(axis=1))


def elements_rank(crystal: AblatedCrystal, found: Attribution) -> float:
    """Whole elements are taken away one after another, neighbours with them, in every order that there is."""
    anatomy = crystal.anatomy
    numbers = [entry.atomic_number for entry in element_contributions(anatomy, found)]
    by_value = {entry.atomic_number: entry.spread.value for entry in element_contributions(anatomy, found)}
    if not 1 < len(numbers) <= MAX_ELEMENTS:
        return np.nan
    subsets = np.array([[(mask >> bit) & 1 for bit in range(len(numbers))] for mask in range(2 ** len(numbers))], bool)
    values = value_of(crystal)(np.stack([parts_with(anatomy, numbers, subset) for subset in subsets]))
    change = values[-1] - values[0]
    own = tuple(np.argsort([-by_value[number] * np.sign(change) for number in numbers], kind="stable").tolist())

    def taken(order: tuple[int, ...]) -> float:
        """Deletion and insertion together."""
        gone = np.cumsum([1 << bit for bit in order])[:-1]
        return float(((values[-1] - values[-1 - gone]) / change).mean() + ((values[gone] - values[0]) / change).mean())

    others = [taken(order) for order in permutations(range(len(numbers))) if order != own]
    mine = taken(own)
    return float(np.mean([(mine > other + 1e-12) + 0.5 * (abs(mine - other) <= 1e-12) for other in others]))


def parts_with(anatomy: CrystalAnatomy, numbers: list[int], present: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Nodes of some elements, and shells between them."""
    kept = {number for number, is_there in zip(numbers, present.tolist(), strict=True) if is_there}
    nodes = [int(number) in kept for number in anatomy.graph.atomic_numbers]
    return np.array(nodes + [shell.first in kept and shell.second in kept for shell in anatomy.shells], dtype=np.bool_)


def summary(rows: list[Row]) -> dict[str, Any]:
    table = pd.DataFrame([{name: getattr(row, name) for name in Row.__slots__} for row in rows])
    tested = table[table["beats_random"].notna()]
    return {
        "n_explained": len(table),
        "n_tested": len(tested),
        "faithful_share": interval(tested["is_faithful"].to_numpy(float)),
        "beats_random": interval(tested["beats_random"].to_numpy()),
        # A gap that hardly changes makes shares of any size: the median.
        "median_advantage_over_random": interval(tested["advantage"].to_numpy(), np.median),
        "control_beats_random": interval(tested["control_beats_random"].to_numpy()),
        "elements_beat_other_orders": interval(table["elements_rank"].dropna().to_numpy()),
        "n_elements_tested": int(table["elements_rank"].notna().sum()),
        "median_abs_completeness_error": round(float(table["completeness_error"].abs().median()), 5),
        "median_abs_change": round(float(table["change"].abs().median()), 4),
        "median_relative_std": round(float(table["relative_std"].median()), 3),
        "cpu_seconds": {str(q): round(float(table["seconds"].quantile(q)), 2) for q in (0.5, 0.9, 1.0)},
    }


def interval(values: NDArray[np.float64], statistic: Callable[..., Any] = np.mean) -> dict[str, float]:
    """Mean, or another statistic, with a 95 % bootstrap interval."""
    if not len(values):
        return {}
    drawn = np.random.default_rng(0).integers(len(values), size=(N_RESAMPLED, len(values)))
    low, high = np.quantile(statistic(values[drawn], axis=1), (0.025, 0.975))
    return {
        statistic.__name__: round(float(statistic(values)), 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
    }


class Journal:
    """Rows by property and crystal, a line each as soon as it is measured."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path is not None and path.exists() else []
        self._rows = {line["key"]: Row(**line["row"]) for line in map(json.loads, lines)}

    def row(self, key: str, measure: Callable[[], Row]) -> Row:
        if key not in self._rows:
            self._rows[key] = measure()
            if self._path is not None:
                with self._path.open("a") as file:
                    file.write(json.dumps({"key": key, "row": asdict(self._rows[key])}) + "\n")
        return self._rows[key]


def held_out(data: Path, count: int) -> tuple[int, list[Structure]]:
    """Number of all held-out crystals, and some of them."""
    table = pd.read_parquet(data / "mp_general.parquet", columns=["formula", "structure"])
    test = table[parts_of(table["formula"].tolist()) == "test"]
    drawn = test["structure"].sample(frac=1.0, random_state=0).head(count)
    return len(test), [structure_from_column(text) for text in drawn]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with mp_general.parquet")
    parser.add_argument("--count", type=int, default=200, help="crystals, drawn with a fixed seed")
    parser.add_argument("--out", type=Path, help="JSON file; else it is printed only")
    options = parser.parse_args()
    torch.set_num_threads(1)
    artifact = load_artifact(shipped_model())
    network = ExplainedNetwork(artifact)
    n_held_out, structures = held_out(options.data, options.count)
    anatomies = [CrystalAnatomy.of(structure, artifact.card.rule) for structure in structures]
    small = [anatomy for anatomy in anatomies if anatomy.graph.n_edges <= MAX_EDGES]
    journal = Journal(options.out and options.out.with_suffix(f".{artifact.digest[-12:]}.jsonl"))
    rows: dict[str, list[Row]] = {name: [] for name in PROPERTIES}
    for anatomy in small:
        for name in PROPERTIES:
            key = f"{name}/{anatomy.graph.key.hex()}"
            rows[name].append(journal.row(key, partial(explain_row, network, anatomy, name)))
    report = {
        "model": artifact.digest,
        "held_out_crystals": n_held_out,
        "drawn": len(anatomies),
        "too_large": len(anatomies) - len(small),
        "properties": {name: summary(found) for name, found in rows.items()},
    }
    text = json.dumps(report, indent=1)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
