"""Bounds of the texts in a request: names, units and ids come back in answers and errors, and stay in logs."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.chassis.errors import InvalidRequestError

MAX_NAME_CHARACTERS = 1024
"""Longest name, unit or id."""
MAX_REMARK_CHARACTERS = 4096
"""Longest remark of a person, or address of a file."""

_REMARKS = frozenset({"reason", "override_reason", "note", "uri"})
# What is read of a material, whose size the message's own bound limits.
_SOURCE_NAMES = {
    field.full_name
    for field in StructureInput.DESCRIPTOR.fields
    if field.containing_oneof is not None and field.message_type is None
}


def check_texts(message: Message, place: str = "") -> None:
    """Raises InvalidRequestError for a text that is longer than its kind may be.

    Args:
        message: A request, or a part of one.
        place: Path of the part within the request, with its trailing dot.
    """
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_STRING:
            if field.full_name not in _SOURCE_NAMES:
                _check(field, f"{place}{field.name}", [value] if isinstance(value, str) else value)
        elif field.message_type is not None:
            for path, part in _parts(field, value, f"{place}{field.name}"):
                if isinstance(part, str):
                    _check(field, path, [part])
                else:
                    check_texts(part, f"{path}.")


def check_structures(structures: Sequence[StructureInput]) -> None:
    """The same for the structures of a message, many of which have nothing but an id and a source."""
    for index, structure in enumerate(structures):
        has_more = structure.HasField("packed") or structure.known_values or structure.conditions
        if has_more or len(structure.id) > MAX_NAME_CHARACTERS:
            check_texts(structure, f"structures[{index}].")


def _parts(field: FieldDescriptor, value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if not field.is_repeated:
        yield path, value
    elif (kind := field.message_type) is not None and kind.GetOptions().map_entry:
        for key in value:
            if isinstance(key, str):
                yield f"{path} (a key)", key
        if kind.fields_by_name["value"].message_type is not None:
            yield from ((f"{path}[*]", part) for part in value.values())
    else:
        yield from ((f"{path}[{index}]", part) for index, part in enumerate(value))


def _check(field: FieldDescriptor, path: str, texts: Iterable[str]) -> None:
    limit = MAX_REMARK_CHARACTERS if field.name in _REMARKS else MAX_NAME_CHARACTERS
    for text in texts:
        if len(text) > limit:
            raise InvalidRequestError.of_field(path, f"has {len(text)} characters; at most {limit} are allowed")
