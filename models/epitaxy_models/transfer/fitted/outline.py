"""Whether the files of a tenant's model have the outline of one, told by the standard library alone.

An image that takes jobs in and promotes models has neither safetensors nor what restores a strategy.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from epitaxy_models.errors import CheckpointError

_CARD, _WEIGHTS = "card.json", "model.safetensors"
# The file begins with the length of its header, 8 bytes, little-endian.
_LENGTH_BYTES = 8
_ITEM_BYTES = {"BOOL": 1, "U8": 1, "I8": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2, "I32": 4, "U32": 4, "F32": 4}
_ITEM_BYTES |= {"F64": 8, "I64": 8, "U64": 8}
_METADATA = "__metadata__"


def check_outline(folder: Path) -> tuple[str, ...]:
    """Kinds of strategies that the card lists, after card and arrays were seen to be whole.

    Raises CheckpointError if a file is missing, the card is not a model's, or the arrays do not fill their file.
    """
    try:
        card = json.loads((folder / _CARD).read_bytes())
        kinds = tuple(str(part["kind"]) for member in card["members"] for part in member)
        _check_arrays(folder / _WEIGHTS)
    except OSError as error:
        raise CheckpointError(f"its files cannot be read: {error.strerror}", reason="UNREADABLE_CHECKPOINT") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            "the files hold no readable model: card or arrays are damaged", reason="UNREADABLE_CHECKPOINT"
        ) from error
    if not kinds:
        raise CheckpointError("the card lists no members", reason="INVALID_CARD")
    return kinds


def _check_arrays(path: Path) -> None:
    """Raises ValueError or KeyError unless the header describes exactly the bytes that follow it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        if length > size - _LENGTH_BYTES:
            raise ValueError("the header is longer than its file")
        header = json.loads(file.read(length))
    entries = [entry for name, entry in header.items() if name != _METADATA]
    ends = sorted((int(begin), int(end)) for begin, end in (entry["data_offsets"] for entry in entries))
    if not all(map(_fits, entries)) or not _fill(ends, size - _LENGTH_BYTES - length):
        raise ValueError("the arrays do not fill their file")


def _fits(entry: Mapping[str, Any]) -> bool:
    begin, end = entry["data_offsets"]
    return bool(math.prod(entry["shape"]) * _ITEM_BYTES[entry["dtype"]] == end - begin)


def _fill(ends: list[tuple[int, int]], n_bytes: int) -> bool:
    """Whether the pieces follow one another from the first byte to the last."""
    at = 0
    for begin, end in ends:
        if begin != at:
            return False
        at = end
    return at == n_bytes
