"""A closed loop against a hidden oracle: the campaign asks, a pretended lab measures, until going on no longer pays.

The pool is the crystals that come with Epitaxy. The oracle knows their measured band gaps and tells one only when it is
asked; crystals without a measured gap stand for syntheses that fail. Start a server with ``epitaxy serve``, then::

    python examples/closed_loop.py --budget 60 --html loop.html
"""

import argparse
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from epitaxy.client import Client, InvalidRequestError, Recommendation
from epitaxy_models.data.crystals import BundledCrystal, bundled_crystals

WANTED_EV = 1.4  # the best gap for a solar cell of one absorber
NOISE_EV = 0.05


@dataclass(frozen=True)
class Oracle:
    """The pretended lab: it measures what it is asked, with noise, and some samples fail."""

    gaps_ev: dict[str, float | None]
    random: random.Random

    @classmethod
    def of(cls, crystals: tuple[BundledCrystal, ...], seed: int) -> "Oracle":
        """Knows what was measured on the crystals."""
        gaps = {crystal.identifier: crystal.measured_band_gap_ev for crystal in crystals}
        return cls(gaps, random.Random(seed))

    def measure(self, entry: Recommendation) -> dict[str, Any]:
        """One row of results, as a robot would write it."""
        gap = self.gaps_ev[entry.id]
        if gap is None:
            return {"ticket": entry.ticket, "status": "failed", "note": "no single phase"}
        return {"ticket": entry.ticket, "gap_eV": gap + self.random.gauss(0, NOISE_EV), "std": NOISE_EV}

    def distances(self) -> Iterator[float]:
        """How far each crystal that can be made lies from what is wanted, the nearest first."""
        return iter(sorted(abs(gap - WANTED_EV) for gap in self.gaps_ev.values() if gap is not None))


def candidates(crystals: tuple[BundledCrystal, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The pool: ids and structures, and nothing that was measured."""
    for crystal in crystals:
        structure = crystal.structure
        yield (
            crystal.identifier,
            {
                "lattice": structure.lattice.tolist(),
                "species": structure.atomic_numbers.tolist(),
                "frac": structure.frac_coords.tolist(),
            },
        )


def run(client: Client, name: str, budget: int, batch: int, seed: int) -> None:
    """One campaign from the empty pool to the advice to stop, or to the end of the budget."""
    crystals = bundled_crystals()
    oracle = Oracle.of(crystals, seed)
    client.campaigns.create(
        name, candidates(crystals), f"gap_eV:match:{WANTED_EV}", "eV", batch=batch, budget=budget, seed=seed
    )
    campaign = client.campaigns.wait_until_ready(name)
    print(f"{campaign.pool.n_open} candidates, budget {budget}: who has a gap near {WANTED_EV} eV?")
    while True:
        try:
            asked = client.campaigns.recommend(name)
        except InvalidRequestError as error:
            print(f"the loop ends: {error.reason}")
            break
        told = client.campaigns.report_results(name, [oracle.measure(entry) for entry in asked])
        campaign = told.campaign or campaign
        outlook, best = campaign.outlook, campaign.best[0] if campaign.best else None
        print(
            f"batch {campaign.n_batches:>2}  {campaign.n_results:>3} measured, {campaign.n_failed} failed"
            + (f"  best {best.id} {best.values.get('gap_eV', float('nan')):.2f} eV" if best else "")
            + (f"  chance of better {outlook.better_left_probability:.0%}" if outlook.better_left_probability else "")
            + f"  {outlook.advice}"
        )
        if outlook.advice == "STOP":
            print(f"the loop ends: {outlook.message}")
            break
    if campaign.best:
        ours = abs((oracle.gaps_ev[campaign.best[0].id] or 0.0) - WANTED_EV)
        rank = sum(distance < ours - 1e-9 for distance in oracle.distances()) + 1
        print(f"found {campaign.best[0].id}, which lies {ours:.2f} eV from the target: number {rank} of the whole pool")


def main() -> None:
    """Reads options and runs the loop."""
    parser = argparse.ArgumentParser(description="Runs a closed loop against a hidden oracle.")
    parser.add_argument("--target", help="HOST:PORT (default: EPITAXY_TARGET, else 127.0.0.1:50051)")
    parser.add_argument("--budget", type=int, default=60, help="samples")
    parser.add_argument("--batch", type=int, default=5, help="samples at a time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--html", type=Path, help="write the campaign's report to this file")
    options = parser.parse_args()
    name = f"closed-loop-{time.strftime('%Y%m%d-%H%M%S')}"
    with Client(options.target) as client:
        run(client, name, options.budget, options.batch, options.seed)
        if options.html:
            print(f"wrote {client.campaigns.save_export(name, options.html)}")


if __name__ == "__main__":
    main()
