"""Write the bundled crystals: ``python -m epitaxy_models.data.crystals FOLDER``."""

import argparse
import sys
from pathlib import Path

from epitaxy_models.data.crystals.builder import write_cifs


def main() -> int:
    """Write every CIF and the measurements into the folder named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m epitaxy_models.data.crystals", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the CIFs and measurements.csv go; made where missing")
    folder = parser.parse_args().folder
    sys.stdout.write(f"{len(write_cifs(folder))} crystals in {folder}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
