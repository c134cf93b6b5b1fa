"""How cost grows, as tables and as a picture."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loadtest.bench.report import replaced


def write(report: Mapping[str, Any], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "growth.json").write_text(json.dumps(report, indent=1) + "\n")
    (folder / "growth.md").write_text(markdown(report))
    draw(report, folder / "growth.png")


def write_docs(report: Mapping[str, Any], root: Path) -> None:
    page = root / "docs/performance.md"
    page.write_text(replaced(page.read_text(), "growth", markdown(report)))
    draw(report, root / "docs/images/growth.png")


def markdown(report: Mapping[str, Any]) -> str:
    record, costs = report["record"], report["costs"]
    lines = [
        f"Commit {record['commit']}, {record['measured_at']}; {record['machine']};",
        f"load {record['load_before']} before the run.",
        "",
        "| atoms a cell | new: processor ms, server / client | structures/s | known: processor ms, server / client |",
        "|---|---|---|---|",
    ]
    for cold, warm in zip(report["sizes_cold"], report["sizes_warm"], strict=True):
        rate = f"{cold['structures_per_second']:.0f}"
        lines.append(f"| {cold['atoms']:.0f} | {_parts(cold)} | {rate} | {_parts(warm)} |")
    lines += ["", "| structures a message | new: structures/s | known: structures/s |", "|---|---|---|"]
    for entry in report["messages"]:
        cold, warm = (entry[kind]["structures_per_second"] for kind in ("cold", "warm"))
        lines.append(f"| {entry['message']} | {cold:.0f} | {warm:.0f} |")
    lines += ["", "| replicas | new: structures/s | processor ms |", "|---|---|---|"]
    for entry in report["replicas"]:
        rate, cost = entry["structures_per_second"], sum(entry["cpu_ms"].values())
        lines.append(f"| {_shape(entry)} | {rate:.0f} | {cost:.2f} |")
    lines += ["", "| members | forward pass, processor ms a structure |", "|---|---|"]
    lines += [f"| {entry['members']} | {entry['cpu_ms']:.2f} |" for entry in report["members"]]
    lines += ["", "| vectors in the index | a search alone, ms | of 64 at once, ms each |", "|---|---|---|"]
    lines += [f"| {e['vectors']} | {e['alone_ms']:.2f} | {e['of_64_ms']:.3f} |" for e in report["index"]]
    mean, worst, mix = (
        f"{100 * costs[name]:.0f} %" for name in ("error_share", "worst_error_share", "mix_error_share")
    )
    lines += [
        "",
        "The capacity model (lines over the atoms, fitted on every other size) errs on the sizes between by",
        f"{mean} on average and {worst} at worst, and by {mix} on a natural mix of sizes.",
        "",
    ]
    return "\n".join(lines)


def _shape(entry: Mapping[str, Any]) -> str:
    """Who runs the networks."""
    if entry["ensemble"]:
        return f"{entry['intake']} intake, {entry['ensemble']} ensemble"
    return f"{entry['intake']} intake, networks in it"


def draw(report: Mapping[str, Any], path: Path) -> None:
    import matplotlib  # noqa: PLC0415 - a development tool

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    plot, panels = plt.subplots(2, 3, figsize=(12, 6.4))
    sizes, messages = panels[0][0], panels[0][1]
    for name, entries in (("new", report["sizes_cold"]), ("known", report["sizes_warm"])):
        _line(sizes, [e["atoms"] for e in entries], [sum(e["cpu_ms"].values()) for e in entries], name)
    sizes.set(xlabel="atoms a cell", ylabel="processor ms a structure", xscale="log", yscale="log")
    for name, kind in (("new", "cold"), ("known", "warm")):
        rates = [e[kind]["structures_per_second"] for e in report["messages"]]
        _line(messages, [e["message"] for e in report["messages"]], rates, name)
    messages.set(xlabel="structures a message", ylabel="structures/s", xscale="log", yscale="log")
    replicas = report["replicas"]
    names = [_shape(entry).replace(", ", ",\n") for entry in replicas]
    panels[0][2].bar(names, [e["structures_per_second"] for e in replicas], color="#00798c")
    panels[0][2].set(ylabel="structures/s, new")
    _line(panels[1][0], [e["members"] for e in report["members"]], [e["cpu_ms"] for e in report["members"]], "")
    panels[1][0].set(xlabel="members", ylabel="forward pass, processor ms a structure", ylim=(0, None))
    index = report["index"]
    for name, key in (("alone", "alone_ms"), ("of 64 at once", "of_64_ms")):
        _line(panels[1][1], [e["vectors"] for e in index], [e[key] for e in index], name)
    panels[1][1].set(xlabel="vectors in the index", ylabel="ms a search", xscale="log", yscale="log")
    panels[1][2].axis("off")
    for axes in panels.flat:
        if axes.get_legend_handles_labels()[1]:
            axes.legend(fontsize=8)
    plot.suptitle(f"{report['record']['machine']}, commit {report['record']['commit']}", fontsize=10)
    plot.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    plot.savefig(path, dpi=120)
    plt.close(plot)


def _line(axes: Any, x: Sequence[float], y: Sequence[float], name: str) -> None:
    axes.plot(x, y, "o-", markersize=4, label=name or None)


def _parts(entry: Mapping[str, Any]) -> str:
    client = entry["cpu_ms"].get("client", 0.0)
    return f"{sum(entry['cpu_ms'].values()) - client:.2f} / {client:.2f}"
