"""Cuts a stream of items into messages, by number and by bytes."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from epitaxy.api.common.v1 import structure_pb2
from epitaxy.client.defaults import MAX_STRUCTURE_BYTES
from epitaxy.client.inputs.blocks import InputBlock
from epitaxy.client.inputs.item import InputItem, refuse
from epitaxy.client.results import ItemError
from epitaxy.client.screening.packing import pack_block, pack_items

# Well below the 4 MiB that gRPC servers take in a message unless told otherwise.
_MESSAGE_BYTES = 2 << 20

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Items that are answered together.

    Attributes:
        to_send: Items that go to the server, at most one message's worth.
        refused: Items that the client itself refuses, with the reason.
        block: Crystals that go to the server instead, as arrays; None if there are items.
    """

    to_send: tuple[InputItem, ...]
    refused: tuple[tuple[InputItem, ItemError], ...] = ()
    block: InputBlock | None = None

    def parcel(self) -> "Parcel | None":
        """What goes to the server, None if there is nothing."""
        if self.block is not None:
            return Parcel.of_block(self.block)
        return Parcel.of(self.to_send) if self.to_send else None


class Chunker:
    """Draws chunks from a stream of items; reads no further than it must.

    Attributes:
        chunk_size: Most items of the next chunk.
    """

    def __init__(self, items: Iterator[InputItem | InputBlock], chunk_size: int) -> None:
        self._items = items
        self.chunk_size = chunk_size
        self._held_back: deque[InputItem | InputBlock] = deque()
        self.is_exhausted = False

    def draw(self) -> Chunk:
        """The next chunk, empty at the end of the stream."""
        to_send: list[InputItem] = []
        refused: list[tuple[InputItem, ItemError]] = []
        n_bytes = 0
        while len(to_send) + len(refused) < self.chunk_size and (item := self._next()) is not None:
            if isinstance(item, InputBlock):
                if not to_send and not refused:
                    return Chunk((), block=self._first_of(item))
                self._held_back.append(item)
                break
            error = refusal_of(item)
            if error is not None:
                refused.append((item, error))
                continue
            n_bytes += size_of(item)
            if to_send and n_bytes > _MESSAGE_BYTES:
                self._held_back.append(item)
                break
            to_send.append(item)
        return Chunk(tuple(to_send), tuple(refused))

    def _first_of(self, block: InputBlock) -> InputBlock:
        """As many crystals of a block as go into one message; the others are held back."""
        sizes = np.cumsum(block.cells.sizes[: self.chunk_size])
        n_fitting = max(1, int(np.searchsorted(sizes, _MESSAGE_BYTES, side="right")))
        if n_fitting < len(block):
            self._held_back.append(block.cut(n_fitting, len(block)))
        return block.cut(0, n_fitting)

    def _next(self) -> InputItem | InputBlock | None:
        if self._held_back:
            return self._held_back.popleft()
        item = next(self._items, None)
        self.is_exhausted = item is None
        return item


@dataclass(frozen=True, slots=True, eq=False)
class Parcel:
    """A message's structures, and whose answers come back: by the id on the wire, or in this order.

    Attributes:
        structures: What goes on the wire.
        ids: The callers' own ids, in the order of the structures.
        indices: Positions in the input, int64, shape ``[n_structures]``.
    """

    structures: list[structure_pb2.StructureInput]
    ids: Sequence[str] = field(repr=False)
    indices: NDArray[np.int64] = field(repr=False)
    _by_wire_id: Callable[[], dict[str, InputItem]] = field(repr=False)

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(cls, items: Sequence[InputItem]) -> "Parcel":
        """Packs items into one message."""
        structures, by_wire_id = pack_items(items)
        indices = np.array([item.index for item in items], dtype=np.int64)
        return cls(structures, [item.id for item in items], indices, lambda: by_wire_id)

    @classmethod
    def of_block(cls, block: InputBlock) -> "Parcel":
        """Crystals that are arrays already; objects for them are made only if an answer asks for them."""
        structure, names = pack_block(block)

        def by_wire_id() -> dict[str, InputItem]:
            return dict(zip(names, block.items(), strict=True))

        return cls([structure], block.cells.ids, block.indices, by_wire_id)

    def by_wire_id(self) -> dict[str, InputItem]:
        """The items by their ids on the wire."""
        return self._by_wire_id()

    def items(self) -> list[InputItem]:
        """The items in order."""
        return list(self._by_wire_id().values())


@dataclass(frozen=True, slots=True)
class Message:
    """Items that one unary call answers, as they came and as they are sent."""

    chunk: Chunk
    parcel: Parcel

    @property
    def structures(self) -> list[structure_pb2.StructureInput]:
        """What goes on the wire; empty if the client refuses all items itself."""
        return self.parcel.structures

    def item_of(self, wire_id: str) -> InputItem | None:
        """The item that an answer belongs to, None for an id that was not sent."""
        return self.parcel.by_wire_id().get(wire_id)

    def in_order(
        self, answers: Mapping[str, Answer], without_answer: Callable[[InputItem, ItemError], Answer]
    ) -> Iterator[Answer]:
        """One answer for each item in input order: the server's, or what ``without_answer`` makes of a refusal."""
        by_index = {item.index: without_answer(item, error) for item, error in self.chunk.refused}
        for wire_id, item in self.parcel.by_wire_id().items():
            by_index[item.index] = answers.get(wire_id) or without_answer(item, no_answer())
        for index in sorted(by_index):
            yield by_index[index]


class MessageReader:
    """Draws messages from a stream of items; reads no further than it must."""

    def __init__(self, items: Iterator[InputItem], limit: int) -> None:
        self._chunker = Chunker(items, limit)

    def draw(self) -> Message | None:
        """The next message, None at the end of the stream."""
        while not self._chunker.is_exhausted:
            chunk = self._chunker.draw()
            if chunk.to_send or chunk.refused:
                return Message(chunk, Parcel.of(chunk.to_send))
        return None


def refusal_of(item: InputItem) -> ItemError | None:
    """Why the client does not send an item, None if it does."""
    if isinstance(item.source, ItemError):
        return item.source
    if size_of(item) > MAX_STRUCTURE_BYTES:
        return refuse("TOO_LARGE", f"over {MAX_STRUCTURE_BYTES >> 20} MiB for one structure; send a smaller cell")
    return None


def size_of(item: InputItem) -> int:
    """Bytes of an item on the wire."""
    return 0 if isinstance(item.source, ItemError) else item.source.n_bytes


def no_answer() -> ItemError:
    """The server answered a message and left an item out."""
    return ItemError("NO_ANSWER", "the server left this structure out of its answer; try again", retryable=True)
