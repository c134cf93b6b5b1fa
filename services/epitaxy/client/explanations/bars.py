"""Contributions as bars of a page."""

from collections.abc import Sequence
from html import escape
from typing import Protocol

from epitaxy.client.explanations.scene import colour_of


class Contribution(Protocol):
    """What a bar shows."""

    @property
    def value(self) -> float:
        """Its length, in the property's unit."""

    @property
    def std(self) -> float:
        """Half of the line at its end."""


def bars_of(names: Sequence[str], entries: Sequence[Contribution], unit: str) -> str:
    """A table of bars; ``names`` are HTML."""
    limit = max((abs(entry.value) + entry.std for entry in entries), default=1.0) or 1.0
    largest = max((abs(entry.value) for entry in entries), default=1.0) or 1.0
    rows = "".join(
        f'<tr><td>{name}</td><td class="n">{entry.value:+.3f} ± {entry.std:.3f}</td>'
        f'<td><div class="bar">{_bar(entry.value, entry.std, limit, largest)}</div></td></tr>'
        for name, entry in zip(names, entries, strict=True)
    )
    return f'<table><tr><th></th><th class="n">{escape(unit)}</th><th></th></tr>{rows}</table>'


def _bar(value: float, std: float, limit: float, largest: float) -> str:
    """A bar from the middle, with a line of one standard deviation to either side of its end."""
    begin, end = sorted((50.0, 50.0 + 50.0 * value / limit))
    tip = 50.0 + 50.0 * value / limit
    low, high = max(0.0, tip - 50.0 * std / limit), min(100.0, tip + 50.0 * std / limit)
    return (
        f'<i style="left:{begin:.1f}%;width:{end - begin:.1f}%;background:{colour_of(value, largest)}"></i>'
        f'<b style="left:{low:.1f}%;width:{high - low:.1f}%"></b><u></u>'
    )
