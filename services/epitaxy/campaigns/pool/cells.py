"""Materials of a table's cells in their wire form, and checks of single ones."""

import json
from collections.abc import Mapping

from epitaxy.api.common.v1.structure_pb2 import PackedStructures, StructureInput
from epitaxy.tables.numbers import is_missing
from epitaxy.tables.texts import decode_text, kind_of_text
from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.materials import MaterialKind
from epitaxy_models.materials.reading import read_material
from epitaxy_models.structures import (
    Structure,
    TextFormat,
    check_structure,
    pack_structures,
    read_single,
    structure_from_column,
    unpack_structures,
)

KIND_NOT_STATED = "KIND_NOT_STATED"
KIND_TEXT = (
    "is not a crystal structure: state the kind of the material, as --composition-column, --smiles-column and "
    "--polymer-column do"
)
MIXED_KINDS = "MIXED_KINDS"
_FORMATS = {
    "cif": TextFormat.CIF,
    "poscar": TextFormat.POSCAR,
    "extxyz": TextFormat.EXTXYZ,
    "pymatgen_json": TextFormat.PYMATGEN_JSON,
}
_MATERIALS = frozenset({MaterialKind.COMPOSITION, MaterialKind.MOLECULE, MaterialKind.POLYMER})
Fault = tuple[str, str]


def wire_form(cell: object) -> tuple[bytes, Fault | None]:
    """A cell's structure as a serialized StructureInput, or why it has none."""
    if isinstance(cell, bytes):
        cell = decode_text(cell) or ""
    text = json.dumps(cell) if isinstance(cell, Mapping) else "" if is_missing(cell) else str(cell)
    text = text.removeprefix("\ufeff")
    kind = kind_of_text(text)
    if kind is None:
        return b"", ("EMPTY_STRUCTURE", "the row has no structure: fill the cell, or leave the row out")
    if kind == "name":
        return b"", (KIND_NOT_STATED, f"{text.strip()[:60]!r} {KIND_TEXT}")
    if kind != "json":
        message = StructureInput()
        setattr(message, kind, text)
        return message.SerializeToString(), None
    if '"sites"' in text:
        return StructureInput(pymatgen_json=text).SerializeToString(), None
    try:
        return packed_form(structure_from_column(text)), None
    except InvalidStructureError as error:
        return b"", (error.reason, error.message)


def material_form(kind: MaterialKind, cell: object) -> tuple[bytes, Fault | None]:
    """The same of a composition, molecule or polymer."""
    if isinstance(cell, bytes):
        cell = decode_text(cell) or ""
    # "nan" and "NA" are texts of a SMILES column that nobody filled; sodium is "Na".
    if is_missing(cell):
        return b"", (f"EMPTY_{kind.name}", f"the row has no {kind.value}: fill the cell, or leave the row out")
    message = StructureInput()
    setattr(message, kind.value, str(cell))
    return message.SerializeToString(), None


def kind_of(content: bytes) -> MaterialKind:
    """What a serialized StructureInput holds."""
    source = StructureInput.FromString(content).WhichOneof("source")
    return MaterialKind(source) if source in _MATERIALS else MaterialKind.STRUCTURE


def packed_form(structure: Structure) -> bytes:
    """One structure as a serialized StructureInput with flat arrays."""
    block = pack_structures([structure])
    packed = PackedStructures(
        n_sites=block.n_sites,
        lattices_angstrom=block.lattices_angstrom,
        atomic_numbers=block.atomic_numbers,
        frac_coords=block.frac_coords,
    )
    return StructureInput(packed=packed).SerializeToString()


def check_wire(content: bytes) -> None:
    """Raises InvalidStructureError or InvalidMaterialError for a material that cannot be read."""
    kind = kind_of(content)
    if kind is MaterialKind.STRUCTURE:
        read_wire(content)
    else:
        read_material(kind, getattr(StructureInput.FromString(content), kind.value))


def read_wire(content: bytes) -> Structure:
    """The structure of a serialized StructureInput, checked. Raises InvalidStructureError."""
    message = StructureInput.FromString(content)
    kind = message.WhichOneof("source")
    if kind is None:
        raise InvalidStructureError("the item has no structure: fill one of its forms", reason="EMPTY_STRUCTURE")
    if kind != "packed":
        return read_single(getattr(message, kind), _FORMATS[kind]).structure
    packed = message.packed
    found = unpack_structures(packed.n_sites, packed.lattices_angstrom, packed.atomic_numbers, packed.frac_coords)
    if len(found) != 1:
        text = f"the item holds {len(found)} structures: give each candidate one"
        raise InvalidStructureError(text, reason="NOT_ONE_STRUCTURE")
    return check_structure(found[0]).structure
