"""Adds auxiliary labels to a data set: ``python -m epitaxy_models.data.auxiliary mp.parquet out.parquet``."""

import argparse
import logging
from collections import Counter
from functools import reduce
from math import gcd
from pathlib import Path

import pandas as pd

from epitaxy_models.data.auxiliary.table import with_auxiliary
from epitaxy_models.progress import Progress
from epitaxy_models.structures.elements import symbol_of
from epitaxy_models.structures.formula import parse_formula

_MODULUS = "log10_k_vrh_GPa"


def main() -> None:
    """Writes the table as Parquet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="Parquet with id, formula, structure and labels")
    parser.add_argument("out", type=Path)
    parser.add_argument("--and", dest="more", type=Path, nargs="*", default=[], help="further files with its columns")
    parser.add_argument("--moduli", type=Path, help=f"Parquet with composition and {_MODULUS}")
    parser.add_argument("--stretched", type=float, default=0.0, help="copies of another volume, as a share of the rows")
    parser.add_argument("--rattled", type=float, default=0.0, help="copies with displaced atoms, as a share")
    parser.add_argument("--no-symmetry", action="store_true", help="leave the space groups out, which take longest")
    parser.add_argument("--rows", type=int, help="a sample of the rows")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    table = pd.concat([pd.read_parquet(path) for path in (options.data, *options.more)], ignore_index=True)
    if options.rows:
        table = table.sample(options.rows, random_state=0).sort_index()
    progress = Progress("auxiliary labels", len(table))
    moduli = bulk_moduli(options.moduli) if options.moduli else {}
    with_auxiliary(
        table,
        moduli,
        stretched_share=options.stretched,
        rattled_share=options.rattled,
        symmetry=not options.no_symmetry,
        processes=options.processes,
        on_progress=progress.tick,
    ).to_parquet(options.out, index=False)


def bulk_moduli(parquet: Path) -> dict[str, float]:
    """Mean of log10(K / GPa) by reduced formula, elements in alphabetical order."""
    table = pd.read_parquet(parquet, columns=["composition", _MODULUS])
    formulas = [_reduced(text) for text in table["composition"]]
    return {str(formula): float(value) for formula, value in table[_MODULUS].groupby(formulas).mean().items()}


def _reduced(composition: str) -> str:
    amounts = Counter({z: round(amount) for z, amount in (parse_formula(composition) or {}).items()})
    divisor = reduce(gcd, amounts.values()) or 1
    parts = sorted((symbol_of(number), count // divisor) for number, count in amounts.items())
    return "".join(symbol if count == 1 else f"{symbol}{count}" for symbol, count in parts)


if __name__ == "__main__":
    main()
