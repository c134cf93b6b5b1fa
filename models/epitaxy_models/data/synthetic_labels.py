"""The bundled crystals with labels that are computed, not measured: ``python -m epitaxy_models.data.synthetic_labels``.

For smoke tests of training: the labels are smooth functions of what the network sees, so that a small network learns
them within seconds, and they mean nothing beyond that.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.structures import Structure, structure_to_column

DISTANCE_COLUMN, WAVE_COLUMN = "nearest_neighbour_mean_A", "composition_wave_1"
# A label is missing for every fifth crystal, as labels of a second source are.
_MISSING_EVERY = 5


def synthetic_table() -> pd.DataFrame:
    """Columns id, formula, structure and two labels, one of them with gaps; the same on every machine."""
    crystals = bundled_crystals()
    waves = [composition_wave(crystal.structure) for crystal in crystals]
    waves[::_MISSING_EVERY] = [float("nan")] * len(waves[::_MISSING_EVERY])
    return pd.DataFrame(
        {
            "id": [f"bundled-{number}" for number in range(len(crystals))],
            "formula": [crystal.structure.reduced_formula for crystal in crystals],
            "structure": [structure_to_column(crystal.structure) for crystal in crystals],
            DISTANCE_COLUMN: [nearest_neighbour_mean(crystal.structure) for crystal in crystals],
            WAVE_COLUMN: waves,
        }
    )


def nearest_neighbour_mean(structure: Structure) -> float:
    """Mean over the atoms of the distance to the nearest other atom, Angstrom."""
    graph = build_graph(structure)
    nearest = np.minimum.reduceat(graph.distances, graph.rows[:-1])
    return float(np.average(nearest, weights=graph.multiplicities))


def composition_wave(structure: Structure) -> float:
    """Mean over the atoms of the sine of a thirtieth of the atomic number: a linear function of the composition."""
    return float(np.sin(structure.atomic_numbers / 30).mean())


def main() -> None:
    """Writes the table as Parquet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    synthetic_table().to_parquet(out, index=False)


if __name__ == "__main__":
    main()
