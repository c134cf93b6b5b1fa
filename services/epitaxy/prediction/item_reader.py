"""From an item to a structure that the model can answer, or to the item's own refusal."""

import logging
from collections.abc import Collection
from hashlib import blake2b

from epitaxy.chassis.errors import EpitaxyError
from epitaxy.prediction.domain import Accepted, Item, Refusal, TextSource
from epitaxy.prediction.local_cache import LocalCache
from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures import Intake, IntakeLimits, Structure, check_structure, read_text
from epitaxy_models.structures.elements import symbol_of

_LOG = logging.getLogger(__name__)
# Reading a CIF costs several times what a warm answer costs; a structure is small.
_TEXT_CACHE_BYTES = 32 * 2**20
# What Python keeps around the arrays of a structure.
_OVERHEAD_BYTES = 600


class ItemReader:
    """Reads, checks and names structures; texts that were read a moment ago are not read again.

    Not safe for threads: one worker owns it.
    """

    def __init__(self, limits: IntakeLimits, supported_elements: Collection[int]) -> None:
        self._limits, self._supported = limits, frozenset(supported_elements)
        self._texts: LocalCache[Accepted | Refusal] = LocalCache(_TEXT_CACHE_BYTES, _size)

    def read(self, item: Item) -> Accepted | Refusal:
        """Intake of one item; never raises."""
        if isinstance(item.source, Refusal):
            return item.source
        try:
            if isinstance(item.source, Structure):
                return self._accepted(check_structure(item.source, self._limits))
            return self._read_text(item.source)
        except InvalidStructureError as error:
            return Refusal(error.reason, error.message)
        except Exception as error:
            return failure(error)

    def _read_text(self, source: TextSource) -> Accepted | Refusal:
        content = f"{source.text_format.value}\n{source.text}".encode(errors="surrogatepass")
        digest = blake2b(content, digest_size=16).digest()
        known = self._texts.get(digest)
        if known is None:
            known = self._accepted(read_text(source.text, source.text_format, self._limits))
            self._texts.put(digest, known)
        return known

    def _accepted(self, intake: Intake) -> Accepted | Refusal:
        foreign = sorted(set(intake.structure.atomic_numbers.tolist()) - self._supported)
        if not foreign:
            return Accepted(intake.structure, intake.repairs, intake.structure.content_digest())
        names = ", ".join(symbol_of(number) for number in foreign)
        return Refusal("UNSUPPORTED_ELEMENT", f"the model was never trained on {names}: leave the structure out")


def failure(error: Exception) -> Refusal:
    """The refusal of one item that we failed on; the text of a foreign exception stays in the log.

    Retryable, whatever it was: what the structure itself is to blame for, intake has refused by then.
    """
    if isinstance(error, EpitaxyError):
        return Refusal(error.reason, error.message, is_retryable=True)
    _LOG.error("a structure failed", exc_info=error)
    return Refusal("INTERNAL", "the service failed on this structure: report it", is_retryable=True)


def _size(outcome: Accepted | Refusal) -> int:
    return _OVERHEAD_BYTES + (25 * outcome.structure.n_sites if isinstance(outcome, Accepted) else 0)
