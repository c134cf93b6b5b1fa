"""Everything that ``screen`` accepts, as one lazy stream of items."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from epitaxy.client.errors import InvalidRequestError
from epitaxy.client.inputs.inventory import Inventory
from epitaxy.client.inputs.item import InputItem, Source, refuse, with_known_values
from epitaxy.client.inputs.objects import is_structure, read_object


@dataclass(frozen=True, slots=True)
class InputStream:
    """Items to be read once.

    Attributes:
        items: The structures, read as they are drawn.
        count: Counts the structures, from footers and lines of files; None if only reading them tells.
    """

    items: Iterator[InputItem]
    count: Callable[[], int | None]


# Known values as they are given: the names of columns of the tables, or values in the order of the structures.
Known = Sequence[str] | Mapping[str, Sequence[float]]


def open_inputs(inputs: Any, known: Known = ()) -> InputStream:
    """A stream of a path, a structure, or any collection or generator of both.

    Args:
        inputs: See ``Client``.
        known: Values of a lower fidelity that go with the structures.

    Raises:
        InvalidRequestError: A path does not exist, or ``inputs`` are neither paths nor structures.
    """
    if isinstance(known, str):
        known = (known,)
    if not isinstance(known, Mapping):
        return _open(inputs, known)
    stream = _open(inputs, ())
    return replace(stream, items=_with_values(stream.items, known))


def _with_values(items: Iterator[InputItem], known: Mapping[str, Sequence[float]]) -> Iterator[InputItem]:
    for item in items:
        if all(item.index < len(column) for column in known.values()):
            cells = {name: column[item.index] for name, column in known.items()}
            yield replace(item, source=with_known_values(item.source, cells))
        else:
            message = "the known values are fewer than the structures: give one for each, NaN if there is none"
            yield replace(item, source=refuse("MISSING_KNOWN_VALUE", message))


def _open(inputs: Any, known_columns: Sequence[str]) -> InputStream:
    if _is_path(inputs):
        return _of_inventory(Inventory.of([inputs]), known_columns)
    if isinstance(inputs, Inventory):
        return _of_inventory(inputs, known_columns)
    if is_structure(inputs):
        return _of_sources([inputs], 1)
    if isinstance(inputs, Mapping):
        return _of_sources(inputs.items(), len(inputs))
    if not isinstance(inputs, Iterable):
        raise InvalidRequestError(f"a {type(inputs).__name__} is neither paths nor structures", reason="INVALID_INPUT")
    if isinstance(inputs, list | tuple) and inputs and all(map(_is_path, inputs)):
        return _of_inventory(Inventory.of(inputs), known_columns)
    return _of_sources(inputs, None, known_columns)


def _of_inventory(inventory: Inventory, known_columns: Sequence[str]) -> InputStream:
    return InputStream(_number(inventory.read(known_columns)), inventory.count)


def _of_sources(inputs: Iterable[Any], count: int | None, known_columns: Sequence[str] = ()) -> InputStream:
    entries = iter(inputs)
    return InputStream(_keep_or_number(entries, known_columns), lambda: count)


def _keep_or_number(entries: Iterator[Any], known_columns: Sequence[str]) -> Iterator[InputItem]:
    """Items that were made elsewhere keep their index; everything else is numbered from 0."""
    index = 0
    for entry in entries:
        if isinstance(entry, InputItem):
            yield entry
            continue
        for item_id, source in _read_entry(entry, index, known_columns):
            yield InputItem(item_id, index, source)
            index += 1


def _read_entry(entry: Any, index: int, known_columns: Sequence[str]) -> Iterator[tuple[str, Source]]:
    if _is_path(entry):
        yield from Inventory.of([entry]).read(known_columns)
    else:
        yield read_object(entry, str(index))


def _number(sources: Iterable[tuple[str, Source]]) -> Iterator[InputItem]:
    for index, (item_id, source) in enumerate(sources):
        yield InputItem(item_id, index, source)


def _is_path(value: object) -> bool:
    return isinstance(value, str | os.PathLike)
