"""A small drawing board: axes with ticks, lines, bands, points; colours are CSS classes, so that pages can be dark."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 12, 44
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis in the data's units.

    Attributes:
        low: Where it starts.
        high: Where it ends, above ``low``.
        label: With the unit.
        is_log: Logarithmic; both ends are positive then.
        ticks: Where to draw ticks; round numbers where None.
        names: Words for the ticks, in their order (default: their numbers).
    """

    low: float
    high: float
    label: str
    is_log: bool = False
    ticks: tuple[float, ...] | None = None
    names: tuple[str, ...] = ()

    def fraction(self, value: float) -> float:
        """Where a value lies, 0 at ``low`` and 1 at ``high``."""
        if self.is_log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def tick_values(self) -> list[float]:
        """Given ticks, or about five round numbers."""
        return round_ticks(self.low, self.high) if self.ticks is None else list(self.ticks)

    def tick_words(self) -> list[str]:
        """What stands at each of them."""
        return list(self.names) or [f"{value:.6g}" for value in self.tick_values()]


def round_ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten between both ends."""
    raw = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def padded(values: Sequence[float], share: float = 0.05) -> tuple[float, float]:
    """Ends of an axis that shows all finite values with a margin; never empty."""
    kept = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(kept), max(kept)
    margin = share * (high - low) or max(abs(low), 1.0) * share
    return low - margin, high + margin


@dataclass
class Drawing:
    """An SVG under construction; what is drawn later lies above."""

    x: Axis
    y: Axis
    title: str
    width: int = 560
    height: int = 360
    left: int = _LEFT
    _marks: list[str] = field(default_factory=list)

    def place(self, point: Point) -> Point:
        """Data coordinates in pixels, kept inside the frame."""
        across, up = (min(max(value, 0.0), 1.0) for value in (self.x.fraction(point[0]), self.y.fraction(point[1])))
        inner_width, inner_height = self.width - self.left - _RIGHT, self.height - _TOP - _BOTTOM
        return self.left + across * inner_width, _TOP + (1 - up) * inner_height

    def line(self, points: Sequence[Point], style: str) -> None:
        """A polyline."""
        self._marks.append(f'<polyline class="line {style}" points="{self._path(points)}"/>')

    def band(self, lower: Sequence[Point], upper: Sequence[Point], style: str) -> None:
        """The area between two lines."""
        self._marks.append(f'<polygon class="band {style}" points="{self._path([*lower, *reversed(upper)])}"/>')

    def dot(self, point: Point, style: str, hint: str = "", radius: float = 3.2) -> None:
        """A point; ``hint`` shows when a mouse rests on it."""
        x, y = self.place(point)
        title = Markup("<title>{}</title>").format(hint) if hint else ""
        self._marks.append(f'<circle class="dot {style}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}">{title}</circle>')

    def text(self, point: Point, words: str, anchor: str = "start") -> None:
        """Words beside a point."""
        x, y = self.place(point)
        self._marks.append(f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="{anchor}">{escape(words)}</text>')

    def render(self) -> Markup:
        """The SVG element; its title is read out by screen readers."""
        return Markup(
            f'<svg viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{escape(self.title)}">'
            f"{self._frame()}{''.join(self._marks)}</svg>"
        )

    def _path(self, points: Sequence[Point]) -> str:
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in map(self.place, points))

    def _frame(self) -> str:
        """Grid, ticks and labels."""
        bottom, left = self.height - _BOTTOM, self.left
        parts = []
        for value, word in zip(self.x.tick_values(), self.x.tick_words(), strict=True):
            x, _ = self.place((value, self.y.low))
            parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}"/>')
            parts.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{escape(word)}</text>')
        for value, word in zip(self.y.tick_values(), self.y.tick_words(), strict=True):
            _, y = self.place((self.x.low, value))
            parts.append(f'<line class="grid" x1="{left}" x2="{self.width - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(f'<text class="tick" x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(word)}</text>')
        middle_x, middle_y = (left + self.width - _RIGHT) / 2, (_TOP + bottom) / 2
        parts.append(
            f'<text x="{middle_x}" y="{self.height - 8}" text-anchor="middle">{escape(self.x.label)}</text>'
            f'<text transform="translate(14 {middle_y}) rotate(-90)" text-anchor="middle">{escape(self.y.label)}</text>'
        )
        return "".join(parts)
