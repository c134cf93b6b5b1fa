"""Made-up molecules and compositions with computed labels: ``python -m epitaxy_models.data.synthetic_materials``.

For smoke tests of pretraining, as ``synthetic_labels`` is for crystals: the labels are smooth functions of what the
network sees, and mean nothing beyond that. The tables are CSV, as people bring them.
"""

import argparse
from collections.abc import Callable, Mapping
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd

from epitaxy_models.structures.elements import symbol_of

_HEADS = ("", "O", "N", "F", "Cl", "N#C", "OC(=O)", "c1ccccc1", "c1ccsc1")
_MIDDLES = ("", "O", "S", "C(=O)", "N", "C#C")
_TAILS = ("", "O", "F", "Br", "C#N", "C(N)=O", "c1ccncc1", "C1CC1")
_LENGTHS = range(1, 6)
_ELEMENTS = (3, 8, 9, 11, 12, 13, 14, 16, 17, 19, 20, 22, 24, 26, 28, 29, 30, 38, 40, 47, 50, 56)
_RATIOS = ((1, 1, 0), (1, 2, 0), (1, 1, 2), (1, 2, 3), (2, 1, 2))


def synthetic_molecules(n: int) -> pd.DataFrame:
    """Columns name, smiles, log_partition and refractivity by heavy atom; the same on every machine."""
    from rdkit import Chem  # noqa: PLC0415 - compositions need no RDKit

    from epitaxy_models.data.auxiliary.molecule_labels import NAMES, molecule_labels  # noqa: PLC0415 - the same

    parts = product(_HEADS, _LENGTHS, _MIDDLES, _LENGTHS, _TAILS)
    texts = {f"{head}{'C' * first}{middle}{'C' * last}{tail}" for head, first, middle, last, tail in parts}
    chosen = np.random.default_rng(0).permutation(sorted(texts))[:n].tolist()
    labels = np.array([molecule_labels(Chem.MolFromSmiles(text)) for text in chosen])
    columns = {name: labels[:, NAMES.index(f"rdkit_{name}")] for name in ("partition", "refractivity")}
    return pd.DataFrame({"name": _names(chosen), "smiles": chosen, **columns})


def synthetic_compositions(n: int) -> pd.DataFrame:
    """Columns name, composition and two waves over the atomic numbers; the same on every machine."""
    recipes = [
        {element: amount for element, amount in zip(elements, ratio, strict=True) if amount}
        for elements in combinations(_ELEMENTS, 3)
        for ratio in _RATIOS
    ]
    by_text = {"".join(f"{symbol_of(z)}{amount}" for z, amount in one.items()): one for one in recipes}
    chosen = np.random.default_rng(0).permutation(sorted(by_text))[:n].tolist()
    waves = {"wave": 30.0, "ripple": 12.0}
    columns = {name: [_wave(by_text[text], length) for text in chosen] for name, length in waves.items()}
    return pd.DataFrame({"name": _names(chosen), "composition": chosen, **columns})


def _wave(amounts: Mapping[int, int], length: float) -> float:
    """Mean over the atoms of the sine of the atomic number."""
    numbers, counts = np.array(list(amounts)), np.array(list(amounts.values()))
    return float(np.average(np.sin(numbers / length), weights=counts))


def _names(texts: list[str]) -> list[str]:
    return [f"made-up-{number}" for number in range(len(texts))]


_MAKERS: Mapping[str, Callable[[int], pd.DataFrame]] = {
    "molecules": synthetic_molecules,
    "compositions": synthetic_compositions,
}


def main() -> None:
    """Writes a table as CSV."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=sorted(_MAKERS))
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=int, default=3_200)
    options = parser.parse_args()
    _MAKERS[options.kind](options.rows).to_csv(options.out, index=False)


if __name__ == "__main__":
    main()
