"""Which heads of a substrate state a tenant's own quantity, in its unit and on the scale that is learned."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from epitaxy_models.transfer.inputs import FIDELITIES, SUBSTRATE
from epitaxy_models.transfer.labels.target import TransformKind
from epitaxy_models.transfer.strategies.laws import LawColumn


@dataclass(frozen=True, slots=True)
class Quantity:
    """One physical quantity.

    Attributes:
        head: What the columns of its heads start with.
        words: Any of them in a property's name tells that it is meant.
        unit: Unit in which labels and head agree.
        scale: Scale on which they agree.
    """

    head: str
    words: tuple[str, ...]
    unit: str
    scale: TransformKind = TransformKind.NONE


QUANTITIES = (
    Quantity("band_gap", ("gap",), "eV"),
    Quantity("formation_energy", ("formation", "enthalpy"), "eV/atom"),
    Quantity("e_above_hull", ("hull",), "eV/atom"),
    Quantity("log10_bulk_modulus", ("bulk",), "GPa", TransformKind.LOG10),
    Quantity("log10_debye", ("debye",), "K", TransformKind.LOG10),
)


def kin_columns(
    heads: Sequence[str], n_fidelities: int, name: str, unit: str, scale: TransformKind
) -> tuple[LawColumn, ...]:
    """Columns of the inputs that state a property's own quantity, those that its name points at before the others.

    Args:
        heads: Label columns of the substrate's heads, in their order.
        n_fidelities: Shipped models of other fidelities; all of them predict gaps.
        name: Name of the property.
        unit: Its unit.
        scale: Scale on which it is learned.
    """
    fitting = [entry for entry in QUANTITIES if (entry.unit, entry.scale) == (unit, scale)]
    named = [entry for entry in fitting if any(word in name.lower() for word in entry.words)]
    return tuple(column for entry in named or fitting for column in _columns(entry, heads, n_fidelities))


def states_by_name(name: str, unit: str) -> Quantity | None:
    """The quantity that a property's name and unit tell without any label; None where they tell none."""
    words = name.lower()
    return next((q for q in QUANTITIES if q.unit == unit and any(word in words for word in q.words)), None)


def _columns(quantity: Quantity, heads: Sequence[str], n_fidelities: int) -> Iterator[LawColumn]:
    for place, head in enumerate(heads):
        if head.startswith(quantity.head):
            yield LawColumn(SUBSTRATE, place)
    if quantity.head == "band_gap":
        yield from (LawColumn(FIDELITIES, place) for place in range(n_fidelities))
