"""Records what the shipped models answer: ``python tests/golden/record.py``, after every change of their weights."""

import sys
from collections.abc import Mapping
from pathlib import Path

from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.materials.kind import MaterialKind
from epitaxy_models.structures import Structure
from epitaxy_models.substrates.shipped import shipped_substrate
from epitaxy_models.testing import GoldenRecord
from epitaxy_models.testing.material_golden import MaterialGolden

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


# Small and large molecules, charges within, hetero atoms; polymers of one and several units; a salt, alloys, a steel,
# an element, a doped electrolyte.
TEXTS = {
    "substrate-molecule": (
        MaterialKind.MOLECULE,
        (
            "CCO",
            "c1ccccc1",
            "CC(=O)Oc1ccccc1C(=O)O",
            "C[N+](C)(C)CC(=O)[O-]",
            "FC(F)(F)c1ccc(Br)cc1",
            "C1=Cc2csc(C3=Cc4ncc5c6[se]ccc6c6cocc6c5c4[SiH2]3)c2C1",
            "*CC*",
            "*CC(*)c1ccccc1",
            "*Oc1ccc(cc1)C(C)(C)c1ccc(OC(*)=O)cc1",
            "*CC* 0.3; *CC(*)C#N 0.7; random",
        ),
    ),
    "substrate-composition": (
        MaterialKind.COMPOSITION,
        (
            "NaCl",
            "Fe",
            "Fe2O3",
            "Al0.25CoFeNi",
            "Fe:Bal., Ni:18, Co:9, Mo:5 wt%",
            "Li6.4La3Zr1.4Ta0.6O12",
            "Pb0.5Sn0.5Te",
        ),
    ),
}


def golden_crystals() -> Mapping[str, Structure]:
    """The crystals of the record by identifier."""
    bundled = {crystal.identifier: crystal.structure for crystal in bundled_crystals()}
    return {identifier: bundled[identifier] for identifier in IDENTIFIERS}


def _record_materials() -> None:
    for name, (kind, texts) in TEXTS.items():
        record = MaterialGolden.of(shipped_substrate(kind), kind, texts)
        record.write(RECORD.parent / f"{name}.json")
        sys.stdout.write(f"{len(record.answers)} materials by {record.digest} in {name}.json\n")


def main() -> int:
    _record_materials()
    record = GoldenRecord.of(load_artifact(shipped_model()), golden_crystals())
    record.write(RECORD)
    sys.stdout.write(f"{len(record.answers)} crystals by {record.digest} in {RECORD}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
