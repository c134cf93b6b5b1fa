"""Text for the provenance of a table and for its inspection."""

from itertools import islice
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from epitaxy.cli.terminal import stdout_console

if TYPE_CHECKING:
    from epitaxy_models.data.inspection import Duplicates, Inspection
    from epitaxy_models.data.label_statistics import LabelStatistics
    from epitaxy_models.data.provenance import Provenance


# What is counted of a material, and what rows of one key are.
_SIZES = {"structure": "sites", "molecule": "atoms", "polymer": "atoms", "composition": "n elements"}
_SAME = {
    "structure": "same crystal",
    "molecule": "same molecule",
    "polymer": "same polymer",
    "composition": "same composition",
}


def print_provenance(console: Console, provenance: "Provenance") -> None:
    """Prints rows read, kept and refused by reason, labels without values, and columns left out."""
    console.print(f"read     {provenance.n_read}")
    announced = provenance.origin.n_announced
    if announced is not None and announced != provenance.n_read:
        console.print(
            f"  the source announced {announced} rows: either --max-entries was given, or the server counts differently"
        )
    console.print(f"kept     {provenance.n_kept}")
    console.print(f"refused  {provenance.n_refused}")
    for reason, count in sorted(provenance.refused.items(), key=lambda item: -item[1]):
        console.print(f"  {count:>7} {reason}")
    for column, count in provenance.n_null.items():
        console.print(f"label    {column}: {provenance.n_kept - count} values, {count} null")
    if provenance.dropped_columns:
        console.print(f"left out {', '.join(provenance.dropped_columns)}", soft_wrap=True)


def print_inspection(inspection: "Inspection", n_suspicious: int) -> None:
    """Prints the whole inspection to stdout."""
    console = stdout_console()
    low, median, high = inspection.n_sites
    n_refused = sum(inspection.n_refused.values())
    console.print(f"rows        {inspection.n_rows}, {n_refused} with a refused {inspection.kind.value}")
    console.print(f"{_SIZES[inspection.kind.value]:<11} {low} to {high}, median {median:g}")
    console.print(_elements_text(inspection), soft_wrap=True)
    if inspection.labels:
        console.print(_label_table(inspection))
    if inspection.other_columns:
        names = ", ".join(inspection.other_columns)
        console.print(f"not labels  {names} (no unit in the name, not numeric, or a fact of the structure)")
    console.print(_duplicates_text(_SAME[inspection.kind.value], inspection.same_crystal), soft_wrap=True)
    console.print(_duplicates_text("same formula", inspection.same_formula), soft_wrap=True)
    _print_suspicious(console, inspection, n_suspicious)
    _print_origin(console, inspection.provenance)


def _elements_text(inspection: "Inspection") -> str:
    most = ", ".join(f"{symbol} {count}" for symbol, count in islice(inspection.elements.items(), 8))
    found = f"elements    {len(inspection.elements)}; most frequent: {most}"
    # Nobody expects plutonium in a table of molecules.
    if inspection.kind.value not in ("structure", "composition"):
        return found
    return f"{found}; missing up to Pu: {' '.join(inspection.missing_elements) or 'none'}"


def _label_table(inspection: "Inspection") -> Table:
    table = Table("label", box=None)
    for name in ("values", "null", "infinite", "minimum", "median", "maximum", "robust std"):
        table.add_column(name, justify="right")
    for name, statistics in inspection.labels.items():
        table.add_row(name, *_statistics_cells(statistics))
    return table


def _statistics_cells(statistics: "LabelStatistics") -> tuple[str, ...]:
    counts = (statistics.n_values, statistics.n_null, statistics.n_infinite)
    values = (statistics.minimum, statistics.median, statistics.maximum, statistics.robust_std)
    return *map(str, counts), *(f"{value:.4g}" for value in values)


def _duplicates_text(title: str, found: "Duplicates") -> str:
    examples = "; ".join(", ".join(group) for group in found.examples[:3])
    return f"{title}  {found.n_rows} rows in {found.n_groups} groups{f', such as {examples}' if examples else ''}"


def _print_suspicious(console: Console, inspection: "Inspection", n_shown: int) -> None:
    console.print(f"suspicious  {len(inspection.suspicious)}")
    for row in inspection.suspicious[:n_shown]:
        console.print(f"  {row.id}: {row.reason}: {row.message}", soft_wrap=True)
    if len(inspection.suspicious) > n_shown:
        console.print(f"  and {len(inspection.suspicious) - n_shown} more; use --rows N, or --json for all of them")


def _print_origin(console: Console, provenance: "Provenance | None") -> None:
    if provenance is None:
        console.print("provenance  none recorded")
        return
    origin = provenance.origin
    provider = f" ({origin.provider})" if origin.provider else ""
    console.print(
        f"provenance  {origin.source} {origin.url}{provider}, {origin.retrieved}, licence {origin.licence}, "
        f"by {provenance.tool_version}",
        soft_wrap=True,
    )
    if origin.query:
        console.print(f"query       {origin.query}", soft_wrap=True)
    print_provenance(console, provenance)
