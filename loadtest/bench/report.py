"""A benchmark as JSON, as a Markdown fragment and as a picture."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_BEGIN, _END = "<!-- {}: begin -->", "<!-- {}: end -->"


def markdown(report: Mapping[str, Any]) -> str:
    """The tables of docs/performance.md."""
    return "\n".join([*_heading(report), "", *_ways(report), "", *_targets(report), "", *_stages(report), ""])


def short_table(report: Mapping[str, Any]) -> str:
    """The README's table: the rates that matter and their ratios to the peer."""
    rates = {name: figure["median"] for name, figure in report["structures_per_second"].items()}
    targets = {target["name"]: target["found"] for target in report["targets"]}
    over_cif = _times(targets["served from CIF, cold, over PyG from CIF"])
    over_structure = _times(targets["served packed, cold, over PyG from Structure"])
    lines = [
        f"Measured on {report['record']['machine']}, commit {report['record']['commit']}, {report['source']}.",
        "",
        "| through the whole served stack | structures/s | over PyG CGCNN x5 |",
        "|---|---|---|",
        f"| CIF files, never seen before | {rates['served, CIF, cold']:.0f} | {over_cif} |",
        f"| packed structures, never seen before | {rates['served, packed, cold']:.0f} | {over_structure} |",
        f"| the same packed structures again | {rates['served, packed, warm']:.0f} | |",
    ]
    calls = [targets[f"single warm Predict, {share}"]["median"] for share in ("p50", "p99")]
    return "\n".join([*lines, f"| single warm `Predict` | p50 {calls[0]:.0f} ms, p99 {calls[1]:.0f} ms | |", ""])


def replaced(document: str, name: str, fragment: str) -> str:
    """The document with the part between its two marks exchanged. Raises ValueError where a mark is missing."""
    begin, end = _BEGIN.format(name), _END.format(name)
    head, found, rest = document.partition(begin)
    _, also_found, tail = rest.partition(end)
    if not found or not also_found:
        raise ValueError(f"the document has no marks {begin} and {end}")
    return f"{head}{begin}\n{fragment.strip()}\n{end}{tail}"


def write_docs(report: Mapping[str, Any], root: Path) -> None:
    """Figures of this run into docs/performance.md, the README and docs/images."""
    for file, name, fragment in (
        (root / "docs/performance.md", "bench", markdown(report)),
        (root / "README.md", "bench", short_table(report)),
    ):
        file.write_text(replaced(file.read_text(), name, fragment))
    draw(report, root / "docs/images/performance.png")


def write(report: Mapping[str, Any], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.json").write_text(json.dumps(report, indent=1) + "\n")
    (folder / "bench.md").write_text(markdown(report))
    draw(report, folder / "bench.png")


def draw(report: Mapping[str, Any], path: Path) -> None:
    """Rates of all ways with their spread, on one logarithmic axis."""
    import matplotlib  # noqa: PLC0415 - a development tool

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figures = report["structures_per_second"]
    names = sorted(figures, key=lambda name: figures[name]["median"])
    medians = [figures[name]["median"] for name in names]
    below = [figures[name]["median"] - figures[name]["lowest"] for name in names]
    above = [figures[name]["highest"] - figures[name]["median"] for name in names]
    plot, axes = plt.subplots(figsize=(9, 0.38 * len(names) + 1.2))
    colours = [_colour_of(name) for name in names]
    axes.barh(names, medians, xerr=[below, above], color=colours, error_kw={"lw": 1, "ecolor": "#444"})
    axes.set_xscale("log")
    axes.set_xlabel("structures a second (median of rounds, bars from lowest to highest)")
    for row, value in enumerate(medians):
        axes.text(value * 1.04, row + 0.3, f"{value:.0f}", va="bottom", fontsize=7, color="#444")
    axes.set_title(f"{report['record']['machine']}; {report['source']}", fontsize=9)
    axes.tick_params(labelsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    plot.savefig(path, dpi=130, bbox_inches="tight")
    plt.close(plot)


def _colour_of(way: str) -> str:
    if any(peer in way for peer in ("PyG", "CHGNet", "MEGNet")):
        return "#d1495b"
    return "#00798c" if "served" in way else "#9fc5ce"


def _heading(report: Mapping[str, Any]) -> list[str]:
    record = report["record"]
    versions = ", ".join(f"{name} {value}" for name, value in record["versions"].items())
    source, size = report["source"], report["structures_a_round"]
    return [
        f"Commit {record['commit']}, {record['measured_at']}; {record['machine']};",
        f"load {record['load_before']} before the run; {versions}.",
        f"{source[0].upper()}{source[1:]}; {report['rounds']} rounds of {size} structures, none twice;",
        f"{report['unanswered']} without an answer, {report['hits_when_cold']} cache hits in cold runs.",
        *(f"{note}." for note in report["notes"]),
    ]


def _ways(report: Mapping[str, Any]) -> list[str]:
    lines = ["| way | structures/s: median (lowest to highest) | processor ms a structure |", "|---|---|---|"]
    for name, figure in report["structures_per_second"].items():
        cpu = report["cpu_ms_a_structure"][name]["median"]
        spread = f"{figure['median']:.0f} ({figure['lowest']:.0f} to {figure['highest']:.0f})"
        lines.append(f"| {name} | {spread} | {cpu:.2f} |")
    return lines


def _targets(report: Mapping[str, Any]) -> list[str]:
    lines = ["| target | wanted | found: median (lowest to highest) | verdict |", "|---|---|---|---|"]
    for target in report["targets"]:
        sign = "≥" if target["at_least"] else "≤"
        aim = f", aim {target['aim']:g}" if target["aim"] is not None else ""
        lines.append(
            f"| {target['name']} | {sign} {target['limit']:g} {target['unit']}{aim} | {_spread(target['found'])} "
            f"| {target['verdict']} |"
        )
    return lines


def _stages(report: Mapping[str, Any]) -> list[str]:
    stages = report.get("stages")
    if not stages:
        return []
    lines = ["| stage, one process, one thread | processor microseconds a structure |", "|---|---|"]
    lines += [f"| {name} | {value:g} |" for name, value in stages["cpu_microseconds_a_structure"].items()]
    sizes = ", ".join(f"{value:.0f} {name.replace('_', ' ')}" for name, value in stages["graph_sizes_mean"].items())
    return [*lines, "", f"Mean size of a graph: {sizes}."]


def _spread(found: Mapping[str, float] | None) -> str:
    if found is None:
        return "-"
    if found["lowest"] == found["highest"]:
        return f"{found['median']:.3g}"
    return f"{found['median']:.3g} ({found['lowest']:.3g} to {found['highest']:.3g})"


def _times(found: Mapping[str, float] | None) -> str:
    return "not measured" if found is None else f"{found['median']:.1f}x"
