"""Records what the shipped model answers: ``python tests/golden/record.py``, after every change of its weights."""

import sys
from collections.abc import Mapping
from pathlib import Path

from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.structures import Structure
from epitaxy_models.testing import GoldenRecord

RECORD = Path(__file__).parent / "shipped_model.json"
# A metal, covalent, ionic and layered crystals, an oxide series, a heavy element: one of each kind.
IDENTIFIERS = (
    "Cu-fcc",
    "W-bcc",
    "Mg-hcp",
    "Si-diamond",
    "C-graphite",
    "GaAs-zincblende",
    "NaCl-rock_salt",
    "CsI-cscl",
    "CaF2-fluorite",
    "TiO2-rutile",
    "SrTiO3-cubic_perovskite",
    "Al2O3-corundum",
    "MoS2-mos2_2h",
)


def golden_crystals() -> Mapping[str, Structure]:
    """The crystals of the record by identifier."""
    bundled = {crystal.identifier: crystal.structure for crystal in bundled_crystals()}
    return {identifier: bundled[identifier] for identifier in IDENTIFIERS}


def main() -> int:
    record = GoldenRecord.of(load_artifact(shipped_model()), golden_crystals())
    record.write(RECORD)
    sys.stdout.write(f"{len(record.answers)} crystals by {record.digest} in {RECORD}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
