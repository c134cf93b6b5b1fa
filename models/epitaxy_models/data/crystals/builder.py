"""Crystals and CIF files from the table of facts and the prototypes."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import gemmi
import numpy as np

from epitaxy_models.data.crystals.facts import CrystalFact, element_counts, read_facts, read_sources
from epitaxy_models.data.crystals.prototypes import PROTOTYPES, Prototype
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.structures.structure import Structure

MEASUREMENTS_FILE = "measurements.csv"
_MEASUREMENT_COLUMNS = ("id", "formula", "name", "band_gap_measured_ev", "source")


@dataclass(frozen=True, slots=True)
class BundledCrystal:
    """A real compound with what was measured on it.

    Attributes:
        formula: Integer formula as people write it.
        name: Mineral or common name, may be empty.
        prototype: Name of the structure type.
        structure: The conventional cell.
        measured_band_gap_ev: Measured band gap, eV; 0 for metals, None if unknown.
        sources: Citations of the lattice and of the gap.
    """

    formula: str
    name: str
    prototype: str
    structure: Structure
    measured_band_gap_ev: float | None
    sources: tuple[str, ...]

    @property
    def identifier(self) -> str:
        """``formula-prototype``, the stem of the CIF's name."""
        return f"{self.formula}-{self.prototype}"


@cache
def bundled_crystals() -> tuple[BundledCrystal, ...]:
    """Every bundled crystal, in the table's order. Raises ConfigurationError if the table contradicts itself."""
    citations = read_sources()
    return tuple(_crystal(fact, tuple(citations[key] for key in fact.sources)) for fact in read_facts())


def bundled_structures() -> list[Structure]:
    """The structures of all bundled crystals, in the table's order."""
    return [crystal.structure for crystal in bundled_crystals()]


def write_cifs(folder: Path) -> list[Path]:
    """Write one symmetric CIF a crystal, and ``measurements.csv`` beside them; returns the CIFs' paths."""
    folder.mkdir(parents=True, exist_ok=True)
    facts, citations = read_facts(), read_sources()
    _write_measurements(facts, citations, folder / MEASUREMENTS_FILE)
    return [_write_cif(fact, citations, folder) for fact in facts]


def build_structure(fact: CrystalFact) -> Structure:
    """The conventional cell of one row. Raises ConfigurationError if the row contradicts its prototype."""
    small = _asymmetric_unit(fact)
    sites = small.get_all_unit_cell_sites()
    structure = Structure(
        lattice=np.array(small.cell.orth.mat.tolist()).T.copy(),
        atomic_numbers=np.array([site.element.atomic_number for site in sites], dtype=np.uint8),
        frac_coords=np.array([site.fract.wrap_to_unit().tolist() for site in sites]) % 1.0,
    )
    _check_composition(fact, structure)
    return structure


def _crystal(fact: CrystalFact, citations: tuple[str, ...]) -> BundledCrystal:
    return BundledCrystal(
        fact.formula, fact.name, fact.prototype, build_structure(fact), fact.measured_band_gap_ev, citations
    )


def _check_composition(fact: CrystalFact, structure: Structure) -> None:
    symbols, counts = np.unique(structure.atomic_numbers, return_counts=True)
    built = {gemmi.Element(int(number)).name: int(count) for number, count in zip(symbols, counts, strict=True)}
    stated = element_counts(fact.formula)
    units = structure.n_sites / stated.total()
    if built != {symbol: count * units for symbol, count in stated.items()}:
        raise ConfigurationError(f"{fact.identifier}: the prototype gives {built}", reason="BAD_CRYSTAL_FACT")


def _asymmetric_unit(fact: CrystalFact) -> gemmi.SmallStructure:
    prototype = _prototype(fact)
    small = gemmi.SmallStructure()
    small.name = fact.identifier
    small.cell = gemmi.UnitCell(*fact.cell)
    small.spacegroup = gemmi.find_spacegroup_by_name(prototype.space_group)
    elements = dict(zip(prototype.slots, fact.elements, strict=True))
    for number, site in enumerate(prototype.sites, start=1):
        symbol = elements[site.slot]
        small.add_site(_gemmi_site(f"{symbol}{number}", symbol, site.position(fact.parameters)))
    small.setup_cell_images()
    return small


def _prototype(fact: CrystalFact) -> Prototype:
    prototype = PROTOTYPES[fact.prototype]
    if prototype.parameter_names != fact.parameters.keys() or len(prototype.slots) != len(fact.elements):
        raise ConfigurationError(
            f"{fact.identifier}: needs {len(prototype.slots)} elements and {sorted(prototype.parameter_names)}",
            reason="BAD_CRYSTAL_FACT",
        )
    return prototype


def _gemmi_site(label: str, symbol: str, position: tuple[float, float, float]) -> gemmi.SmallStructure.Site:
    site = gemmi.SmallStructure.Site()
    site.label = label
    site.type_symbol = symbol
    site.element = gemmi.Element(symbol)
    site.fract = gemmi.Fractional(*position)
    return site


def _write_cif(fact: CrystalFact, citations: Mapping[str, str], folder: Path) -> Path:
    path = folder / f"{fact.identifier}.cif"
    comments = [f"# source {key}: {citations[key]}\n" for key in fact.sources]
    path.write_text("".join([*comments, _cif_text(fact)]), encoding="utf-8")
    return path


def _cif_text(fact: CrystalFact) -> str:
    small = _asymmetric_unit(fact)
    document = gemmi.cif.Document()
    block = document.add_new_block(fact.identifier)
    _add_identity(block, fact, small)
    _add_symmetry(block, small.spacegroup)
    _add_sites(block, small)
    return str(document.as_string())


def _add_identity(block: gemmi.cif.Block, fact: CrystalFact, small: gemmi.SmallStructure) -> None:
    counts = sorted(element_counts(fact.formula).items())
    total = " ".join(f"{symbol}{count}" for symbol, count in counts)
    block.set_pair("_chemical_formula_sum", gemmi.cif.quote(total))
    if fact.name:
        block.set_pair("_chemical_name_common", gemmi.cif.quote(fact.name))
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    for name, value in zip(names, fact.cell, strict=True):
        block.set_pair(f"_cell_{name}", f"{value:g}")
    block.set_pair("_cell_volume", f"{small.cell.volume:.4f}")


def _add_symmetry(block: gemmi.cif.Block, space_group: gemmi.SpaceGroup) -> None:
    block.set_pair("_symmetry_space_group_name_H-M", gemmi.cif.quote(space_group.xhm()))
    block.set_pair("_symmetry_space_group_name_Hall", gemmi.cif.quote(space_group.hall))
    block.set_pair("_symmetry_Int_Tables_number", str(space_group.number))
    operations = block.init_loop("_symmetry_equiv_pos_", ["as_xyz"])
    for operation in space_group.operations():
        operations.add_row([gemmi.cif.quote(operation.triplet())])


def _add_sites(block: gemmi.cif.Block, small: gemmi.SmallStructure) -> None:
    sites = block.init_loop("_atom_site_", ["label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy"])
    for site in small.sites:
        # Ten digits: a third written to four is off its special position by more than readers merge.
        sites.add_row([site.label, site.type_symbol, *(f"{value:.10f}" for value in site.fract.tolist()), "1"])


def _write_measurements(facts: tuple[CrystalFact, ...], citations: Mapping[str, str], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(_MEASUREMENT_COLUMNS)
        for fact in facts:
            gap = "" if fact.measured_band_gap_ev is None else f"{fact.measured_band_gap_ev:g}"
            source = citations[fact.band_gap_source] if fact.band_gap_source else ""
            writer.writerow([fact.identifier, fact.formula, fact.name, gap, source])
