"""Command line: ``python -m epitaxy_models.substrates`` writes what the crystal substrate says of pairs of elements."""

import logging

from epitaxy_models.substrates.pair_cells import PAIR_FILE, PairCells
from epitaxy_models.substrates.shipped import pretrained_folder, shipped_crystal


def main() -> None:
    """Writes the table beside the composition substrate: to be called after a crystal substrate is published."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    folder = pretrained_folder("substrate-composition")
    folder.mkdir(parents=True, exist_ok=True)
    cells = PairCells.build(shipped_crystal())
    cells.save(folder / PAIR_FILE)
    logging.getLogger(__name__).info("%d pairs, %d columns, of %s", len(cells.pairs), cells.width, cells.substrate)


if __name__ == "__main__":
    main()
