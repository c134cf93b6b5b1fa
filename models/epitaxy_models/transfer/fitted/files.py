"""The two files of a tenant's model: a card as JSON and arrays as safetensors."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from epitaxy_models.errors import CheckpointError, ConfigurationError
from epitaxy_models.transfer.fitted.card import TransferCard
from epitaxy_models.transfer.fitted.training_domain import TrainingDomain
from epitaxy_models.transfer.strategy import StrategyState

CARD, WEIGHTS = "card.json", "model.safetensors"
# Kinds of strategies that bring a backbone of their own.
NETWORK_PREFIX = "network"
_MEMBERS = "members"
_DOMAIN_FIELDS = tuple(field.name for field in fields(TrainingDomain))


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One fitted strategy of a member.

    Attributes:
        share: Weight in the member's mean; the shares of a member add up to one.
        state: The strategy.
    """

    share: float
    state: StrategyState


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One fit of what was chosen: a strategy, or the weighted mean of several."""

    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        if not self.parts or abs(sum(part.share for part in self.parts) - 1) > 1e-6:
            raise ConfigurationError("a member needs parts whose shares add up to one", reason="INVALID_MEMBER")


def read_files(folder: Path) -> dict[str, bytes]:
    """Contents of both files. Raises CheckpointError if one cannot be read."""
    return {name: _content(folder / name) for name in (CARD, WEIGHTS)}


def decode(files: Mapping[str, bytes]) -> tuple[TransferCard, tuple[Member, ...], TrainingDomain]:
    """What the files say. Raises CheckpointError if they are damaged or of another version."""
    try:
        record, tensors = json.loads(files[CARD]), load_tensors(files[WEIGHTS])
        listed = record.pop(_MEMBERS)
    except (ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:  # ValueError: no JSON
        raise CheckpointError(f"the files hold no readable model: {error}", reason="UNREADABLE_CHECKPOINT") from error
    return TransferCard.from_json(record), _members(listed, tensors), _domain(tensors)


def encode(card: TransferCard, members: Sequence[Member], domain: TrainingDomain) -> dict[str, bytes]:
    """Contents of both files by name; equal models give equal bytes."""
    tensors = arrays_of(domain)
    for prefix, part in _numbered(members):
        tensors |= {f"{prefix}{name}": array for name, array in part.state.tensors.items()}
    listed = [
        [{"share": part.share, "kind": part.state.kind, "settings": dict(part.state.settings)} for part in member.parts]
        for member in members
    ]
    text = json.dumps(card.as_json() | {_MEMBERS: listed}, indent=1, allow_nan=False)
    weights = save_tensors({name: np.asarray(array, order="C") for name, array in tensors.items()})
    return {CARD: f"{text}\n".encode(), WEIGHTS: weights}


def _numbered(members: Sequence[Member]) -> Iterator[tuple[str, Part]]:
    for number, member in enumerate(members):
        for position, part in enumerate(member.parts):
            yield f"members.{number}.{position}.", part


def _members(listed: Any, tensors: Mapping[str, NDArray[Any]]) -> tuple[Member, ...]:
    try:
        members = tuple(_member(parts, f"members.{number}.", tensors) for number, parts in enumerate(listed))
    except (KeyError, TypeError, ValueError, ConfigurationError) as error:
        raise CheckpointError(f"the card's members cannot be read: {error}", reason="INVALID_CARD") from error
    if not members:
        raise CheckpointError("the card lists no members", reason="INVALID_CARD")
    return members


def _member(parts: Sequence[Mapping[str, Any]], prefix: str, tensors: Mapping[str, NDArray[Any]]) -> Member:
    return Member(tuple(_part(entry, f"{prefix}{position}.", tensors) for position, entry in enumerate(parts)))


def _part(entry: Mapping[str, Any], prefix: str, tensors: Mapping[str, NDArray[Any]]) -> Part:
    own = {name.removeprefix(prefix): array for name, array in tensors.items() if name.startswith(prefix)}
    return Part(float(entry["share"]), StrategyState(str(entry["kind"]), entry["settings"], own))


def _domain(tensors: Mapping[str, NDArray[Any]]) -> TrainingDomain:
    missing = [name for name in _DOMAIN_FIELDS if f"domain.{name}" not in tensors]
    if missing:
        raise CheckpointError(f"the weights lack domain.{missing[0]}", reason="INCOMPLETE_CHECKPOINT")
    return TrainingDomain(**{name: tensors[f"domain.{name}"] for name in _DOMAIN_FIELDS})


def card_of(card_json: str) -> TransferCard:
    """The card of a model without its arrays. Raises CheckpointError."""
    return TransferCard.from_json({key: value for key, value in _record(card_json).items() if key != _MEMBERS})


def kinds_of(card_json: str) -> tuple[tuple[str, ...], ...]:
    """Kinds of strategies of each member of a model by its card alone. Raises CheckpointError."""
    try:
        return tuple(tuple(str(part["kind"]) for part in member) for member in _record(card_json)[_MEMBERS])
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"the card of the model lists no members: {error}", reason="INVALID_CARD") from error


def is_network(kinds: Iterable[str]) -> bool:
    """Whether one of these kinds of strategies brings a backbone of its own."""
    return any(kind.startswith(NETWORK_PREFIX) for kind in kinds)


def arrays_of(domain: TrainingDomain) -> dict[str, NDArray[Any]]:
    """Arrays of the domain by the names they have in the file."""
    return {f"domain.{name}": getattr(domain, name) for name in _DOMAIN_FIELDS}


def _record(card_json: str) -> dict[str, Any]:
    try:
        record = json.loads(card_json)
    except ValueError as error:
        raise CheckpointError(f"the card of the model cannot be read: {error}", reason="INVALID_CARD") from error
    if not isinstance(record, dict):
        raise CheckpointError("the card of the model is no JSON object", reason="INVALID_CARD")
    return record


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"{path.name} cannot be read: {error.strerror}", reason="UNREADABLE_CHECKPOINT"
        ) from error
