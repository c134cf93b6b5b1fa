"""From an item to a structure that the model can answer, or to the item's own refusal."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from epitaxy.prediction.cache.lru import LruCache
from epitaxy.prediction.domain import Accepted, Item, MaterialSource, ReadMaterial, Refusal, TextSource
from epitaxy.prediction.intake.materials import MaterialReader, without_substrate
from epitaxy_models.errors import EpitaxyError, InvalidStructureError
from epitaxy_models.structures import Intake, IntakeLimits, Note, Repair, Structure, check_structure, read_text
from epitaxy_models.structures.checks import wrapped
from epitaxy_models.structures.elements import symbol_of

_LOG = logging.getLogger(__name__)
# Reading a CIF costs several times as much as a warm answer; a structure is small.
_TEXT_CACHE_BYTES = 32 * 2**20
# Python's overhead for the arrays of a structure.
_OVERHEAD_BYTES = 600
# Checking a cell costs more than the rest of a warm answer; what is kept of it is a digest and the repairs.
_CELL_CACHE_BYTES = 32 * 2**20
_CELL_BYTES = 320


@dataclass(frozen=True, slots=True)
class _CheckedCell:
    """What the checks made of a cell, without its arrays.

    Attributes:
        digest: Of the cell as it is used.
        is_moved: Whether coordinates differ from those that came.
    """

    digest: bytes
    is_moved: bool
    repairs: tuple[Repair, ...]
    notes: tuple[Note, ...]


class ItemReader:
    """Reads, checks and names structures; texts that were read, and cells that were checked, a moment ago are known.

    Not safe for threads: one worker owns it.
    """

    def __init__(self, limits: IntakeLimits, supported_elements: Collection[int]) -> None:
        self._limits, self._supported = limits, frozenset(supported_elements)
        self._materials = MaterialReader()
        self._texts: LruCache[Accepted | Refusal] = LruCache(_TEXT_CACHE_BYTES, _size)
        self._cells: LruCache[_CheckedCell | Refusal] = LruCache(_CELL_CACHE_BYTES, lambda _: _CELL_BYTES)

    def report(self, item: Item) -> Accepted | ReadMaterial | Refusal:
        """How one item is read, whatever its kind; never raises."""
        return self._read_material(item.source) if isinstance(item.source, MaterialSource) else self.read(item)

    def _read_material(self, source: MaterialSource) -> ReadMaterial | Refusal:
        try:
            return self._materials.read(source)
        except Exception as error:
            return failure(error)

    def unread_texts(self, items: Sequence[Item]) -> dict[bytes, int]:
        """Texts among these items that were not read a moment ago: an item of each, by digest."""
        places = {
            _text_digest(item.source): row for row, item in enumerate(items) if isinstance(item.source, TextSource)
        }
        return {digest: row for digest, row in places.items() if self._texts.get(digest) is None}

    def read(self, item: Item, known: Mapping[bytes, Accepted] | None = None) -> Accepted | Refusal:
        """Intake of one item; never raises. ``known`` holds outcomes of other replicas by digest of the text."""
        if isinstance(item.source, Refusal):
            return item.source
        if isinstance(item.source, MaterialSource):
            read = self._read_material(item.source)
            return without_substrate(read) if isinstance(read, ReadMaterial) else read
        try:
            if isinstance(item.source, Structure):
                return self._read_cell(item.source)
            return self._read_text(item.source, known or {})
        except InvalidStructureError as error:
            return Refusal(error.reason, error.message)
        except Exception as error:
            return failure(error)

    def _read_cell(self, structure: Structure) -> Accepted | Refusal:
        digest = structure.content_digest()
        known = self._cells.get(digest)
        if isinstance(known, Refusal):
            return known
        if known is not None:
            used = structure
            if known.is_moved:
                used = Structure(structure.lattice, structure.atomic_numbers, wrapped(structure.frac_coords)[0])
            return Accepted(used, known.repairs, known.digest, known.notes)
        outcome = self._check_cell(structure)
        self._cells.put(digest, _kept(outcome, structure))
        return outcome

    def _check_cell(self, structure: Structure) -> Accepted | Refusal:
        try:
            return self._accept(check_structure(structure, self._limits))
        except InvalidStructureError as error:
            return Refusal(error.reason, error.message)

    def _read_text(self, source: TextSource, known: Mapping[bytes, Accepted]) -> Accepted | Refusal:
        digest = _text_digest(source)
        outcome = self._texts.get(digest)
        if outcome is None:
            outcome = known.get(digest) or self._accept(read_text(source.text, source.text_format, self._limits))
            self._texts.put(digest, outcome)
        return outcome

    def _accept(self, intake: Intake) -> Accepted | Refusal:
        foreign = sorted(set(intake.structure.atomic_numbers.tolist()) - self._supported)
        if not foreign:
            return Accepted(intake.structure, intake.repairs, intake.structure.content_digest(), intake.notes)
        names = ", ".join(symbol_of(number) for number in foreign)
        return Refusal("UNSUPPORTED_ELEMENT", f"the model was never trained on {names}: leave the structure out")


def _text_digest(source: TextSource) -> bytes:
    """16 bytes that name a text and the format that it is read as."""
    content = f"{source.text_format.value}\n{source.text}".encode(errors="surrogatepass")
    return blake2b(content, digest_size=16).digest()


def failure(error: Exception) -> Refusal:
    """The refusal of one item on which this service failed; the text of a foreign exception stays in the log.

    Always retryable: intake has already refused structures that are wrong themselves.
    """
    if isinstance(error, EpitaxyError):
        return Refusal(error.reason, error.message, is_retryable=True)
    _LOG.error("a structure failed", exc_info=error)
    return Refusal("INTERNAL", "the service failed on this structure: report it", is_retryable=True)


def _kept(outcome: Accepted | Refusal, structure: Structure) -> _CheckedCell | Refusal:
    if isinstance(outcome, Refusal):
        return outcome
    is_moved = outcome.structure.frac_coords is not structure.frac_coords
    return _CheckedCell(outcome.digest, is_moved, outcome.repairs, outcome.notes)


def _size(outcome: Accepted | Refusal) -> int:
    return _OVERHEAD_BYTES + (25 * outcome.structure.n_sites if isinstance(outcome, Accepted) else 0)
