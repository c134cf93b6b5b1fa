"""Pieces of plain HTML. Whatever is given as text is escaped here, so that no caller can forget it."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

Cell = str | int | float | None


def view(title: str, subtitle: str, *parts: str) -> str:
    """A heading over parts that are HTML already; empty parts are left out."""
    return f"<div><p><b>{escape(title)}</b> {escape(subtitle)}</p>{''.join(parts)}</div>"


def paragraph(text: str) -> str:
    """A paragraph; empty if there is no text."""
    return f"<p>{escape(text)}</p>" if text else ""


def table(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """A table; empty if it has no rows."""
    body = "".join(f"<tr>{_cells(row, 'td')}</tr>" for row in rows)
    return f"<table><thead><tr>{_cells(head, 'th')}</tr></thead><tbody>{body}</tbody></table>" if body else ""


def facts(entries: Mapping[str, Cell]) -> str:
    """A table of names and values; entries of None or empty text are left out."""
    rows = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th><td style="text-align:left">{cell_text(value)}</td></tr>'
        for name, value in entries.items()
        if value not in (None, "")
    )
    return f"<table><tbody>{rows}</tbody></table>" if rows else ""


def bar(fraction: float | None, text: str) -> str:
    """A progress bar with text beside it. ``fraction`` is 0 to 1; None, if nobody knows the total, gives text alone.

    A bar without a value would move for ever in a stored notebook.
    """
    if fraction is None:
        return paragraph(text)
    return f'<p><progress max="1" value="{min(max(fraction, 0.0), 1.0):.4f}"></progress> {escape(text)}</p>'


def cell_text(value: Cell) -> str:
    """Escaped text of a value: numbers with four digits, nothing for None."""
    if value is None:
        return ""
    return escape(f"{value:.4g}" if isinstance(value, float) else str(value))


def _cells(row: Sequence[Cell], tag: str) -> str:
    return "".join(f'<{tag} style="text-align:left">{cell_text(value)}</{tag}>' for value in row)
