"""Crystals and other materials that a command line names, read on this machine as the server reads them."""

from collections.abc import Callable, Iterator

from epitaxy.client.inputs.inventory import Inventory
from epitaxy.client.inputs.item import Cell, Source
from epitaxy.client.results import ItemError
from epitaxy_models.candidates.candidate import RefusedSource
from epitaxy_models.errors import EpitaxyError, InvalidStructureError
from epitaxy_models.materials import MaterialKind
from epitaxy_models.materials.reading import read_material
from epitaxy_models.structures import Structure, TextFormat, check_structure, read_text
from epitaxy_models.transfer.kinds.features import MaterialFeatures
from epitaxy_models.transfer.kinds.sample import Sample

_KINDS = frozenset(kind.value for kind in MaterialKind)


def read_crystals(
    inventory: Inventory, refused: list[RefusedSource], on_item: Callable[[], None] = lambda: None
) -> Iterator[tuple[str, Structure]]:
    """Ids and crystals in the order of the files; those that cannot be used go to ``refused``."""
    for name, source in inventory.read():
        on_item()
        try:
            yield name, crystal_of(source)
        except InvalidStructureError as error:
            refused.append(RefusedSource(name, error.reason, error.message))


def read_materials(
    inventory: Inventory, refused: list[RefusedSource], on_item: Callable[[], None] = lambda: None
) -> Iterator[tuple[str, Sample]]:
    """The same of molecules, polymers and compositions."""
    for name, source in inventory.read():
        on_item()
        try:
            found = material_of(source)
        except EpitaxyError as error:
            refused.append(RefusedSource(name, str(error.reason), error.message))
            continue
        if isinstance(found, Sample):
            yield name, found
        else:
            text = "it is a crystal among materials of another kind: take crystals in by themselves"
            refused.append(RefusedSource(name, "MIXED_KINDS", text))


def crystal_of(source: Source) -> Structure:
    """A structure as the server would read it. Raises InvalidStructureError."""
    if isinstance(source, ItemError):
        raise InvalidStructureError(source.message, reason=source.reason)
    if isinstance(source, Cell):
        return check_structure(Structure(source.lattice, source.atomic_numbers, source.frac_coords)).structure
    return read_text(source.content, TextFormat(source.kind)).structure


def material_of(source: Source) -> Structure | Sample:
    """A crystal, or another material that the substrate of its kind can read, as the server would read it.

    Raises EpitaxyError with the reason why it cannot be used.
    """
    if isinstance(source, Cell | ItemError) or source.kind not in _KINDS:
        return crystal_of(source)
    kind = MaterialKind(source.kind)
    sample = Sample(kind, read_material(kind, source.content).material)
    MaterialFeatures.shipped(kind).check(sample.material)
    return sample
