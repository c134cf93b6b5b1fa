"""Everything that ``screen`` accepts, as one lazy stream of items."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from epitaxy.client.errors import InvalidRequestError
from epitaxy.client.inputs.inventory import Inventory
from epitaxy.client.inputs.item import InputItem, Source
from epitaxy.client.inputs.objects import is_structure, read_object


@dataclass(frozen=True, slots=True)
class InputStream:
    """Items to be read once.

    Attributes:
        count: Number of structures, read from footers and line counts; None where only reading tells.
    """

    items: Iterator[InputItem]
    count: Callable[[], int | None]


def open_inputs(inputs: Any) -> InputStream:
    """A stream of a path, a structure, or any collection or generator of both.

    Raises:
        InvalidRequestError: a path does not exist, or ``inputs`` is nothing of the kind.
    """
    if _is_path(inputs):
        return _of_inventory(Inventory.of([inputs]))
    if isinstance(inputs, Inventory):
        return _of_inventory(inputs)
    if is_structure(inputs):
        return _of_sources([inputs], 1)
    if isinstance(inputs, Mapping):
        return _of_sources(inputs.items(), len(inputs))
    if not isinstance(inputs, Iterable):
        raise InvalidRequestError(f"a {type(inputs).__name__} is neither paths nor structures", reason="INVALID_INPUT")
    if isinstance(inputs, list | tuple) and inputs and all(map(_is_path, inputs)):
        return _of_inventory(Inventory.of(inputs))
    return _of_sources(inputs, None)


def _of_inventory(inventory: Inventory) -> InputStream:
    return InputStream(_number(inventory.read()), inventory.count)


def _of_sources(inputs: Iterable[Any], count: int | None) -> InputStream:
    entries = iter(inputs)
    return InputStream(_keep_or_number(entries), lambda: count)


def _keep_or_number(entries: Iterator[Any]) -> Iterator[InputItem]:
    """Items that were made elsewhere keep their index; everything else is numbered from 0."""
    index = 0
    for entry in entries:
        if isinstance(entry, InputItem):
            yield entry
            continue
        for item_id, source in _read_entry(entry, index):
            yield InputItem(item_id, index, source)
            index += 1


def _read_entry(entry: Any, index: int) -> Iterator[tuple[str, Source]]:
    if _is_path(entry):
        yield from Inventory.of([entry]).read()
    else:
        yield read_object(entry, str(index))


def _number(sources: Iterable[tuple[str, Source]]) -> Iterator[InputItem]:
    for index, (item_id, source) in enumerate(sources):
        yield InputItem(item_id, index, source)


def _is_path(value: object) -> bool:
    return isinstance(value, str | os.PathLike)
