"""Tables and plots of the uncertainty benchmark, and what of its goals is reached."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from epitaxy_models.calibration.report import REPORTED, CalibrationReport, LevelReport
from epitaxy_models.ensembles.card import ModelCard
from loadtest.uncertainty_domain import USUAL

Reports = Mapping[str, CalibrationReport]
MAX_MISS_SHIPPED, MAX_MISS_TENANT = 0.02, 0.05
Z_LEAST, Z_MOST = 0.8, 1.25
LEAST_RANK_CORRELATION, LEAST_AREA = 0.4, 0.9
# Of a group, at the levels for which groups are promised.
MAX_MISS_GROUP, GROUP_LEVELS = 0.04, (0.8, 0.9, 0.95)
MOST_WIDTH = 1.08
KNOWN_BEFORE = ("element", "domain score", "predicted")


@dataclass(frozen=True, slots=True)
class Goal:
    """One number that was aimed for: what, of which property or set, what was found, and whether it is reached."""

    what: str
    subject: str
    found: str
    is_reached: bool


def goals(shipped: Reports, tenants: Reports, domain: Mapping[str, Any]) -> list[Goal]:
    """All of them, the shipped model's first."""
    found = [*_goals_of(shipped, "shipped: ", MAX_MISS_SHIPPED), *_goals_of(tenants, "tenant: ", MAX_MISS_TENANT)]
    areas = {name: entry["auroc"] for name, entry in domain.items() if "auroc" in entry}
    asked = f"AUROC at least {LEAST_AREA:g}"
    return found + [Goal(asked, name, f"{area:.3f}", area >= LEAST_AREA) for name, area in areas.items()]


def _goals_of(reports: Reports, who: str, max_miss: float) -> Iterator[Goal]:
    for name, report in reports.items():
        worst = max(report.levels, key=lambda level: abs(level.coverage - level.nominal))
        miss = worst.coverage - worst.nominal
        at = f"{100 * miss:+.1f} points at {worst.nominal:.0%}"
        yield Goal(f"coverage within {100 * max_miss:g} points", who + name, at, abs(miss) <= max_miss)
        z = report.mean_squared_z
        but_one = f"{z:.2f} ({report.mean_squared_z_but_largest:.2f} without the largest)"
        yield Goal(f"mean squared z {Z_LEAST:g} to {Z_MOST:g}", who + name, but_one, Z_LEAST <= z <= Z_MOST)
        ratios = [level.mean_width / level.equal_constant_width for level in report.levels]
        text = " / ".join(f"{ratio:.2f}" for ratio in ratios)
        yield Goal("width over that of a constant one, equal coverage, below 1", who + name, text, max(ratios) < 1)
        rank = report.rank_correlation
        asked = f"rank correlation at least {LEAST_RANK_CORRELATION:g}"
        yield Goal(asked, who + name, f"{rank:.2f}", rank >= LEAST_RANK_CORRELATION)


def calibration_table(reports: Reports) -> str:
    """Coverage, mean width and that of a constant width at equal coverage; then the rest. A row a property."""
    head = ["property", "n", *(f"{level:.0%}" for level in REPORTED)]
    lines = [[*head, "z^2", "z^2 but one", "miscal. area", "sharpness", "rank corr."]]
    for name, report in reports.items():
        levels = [f"{e.coverage:.1%}, {e.mean_width:.3g} ({e.equal_constant_width:.3g})" for e in report.levels]
        numbers = (
            report.mean_squared_z,
            report.mean_squared_z_but_largest,
            report.miscalibration_area,
            report.sharpness,
            report.rank_correlation,
        )
        lines.append([name, str(report.n), *levels, *(f"{number:.3g}" for number in numbers)])
    return _markdown(lines)


def goals_of_groups(reports: Reports, before: Reports) -> Iterator[Goal]:
    """Coverage within groups that are known before a measurement, and what it cost in width.

    Whether a model is right about metals is known afterwards, so the bands and the numbers of elements decide.
    """
    for name, report in reports.items():
        misses = {
            f"{group} at {level.nominal:.0%}": level.coverage_by_group[group] - level.nominal
            for level in report.levels
            for group in _groups_of(report)
            if level.nominal in GROUP_LEVELS and not group.startswith("predicted")
        }
        worst = max(misses, key=lambda at: abs(misses[at]))
        asked = f"coverage of groups within {100 * MAX_MISS_GROUP:g} points"
        n_kept = sum(abs(miss) <= MAX_MISS_GROUP for miss in misses.values())
        text = f"{n_kept} of {len(misses)}; {100 * misses[worst]:+.1f} points for {worst}"
        yield Goal(asked, name, text, n_kept == len(misses))
        if name in before:
            pairs = zip(report.levels, before[name].levels, strict=True)
            ratios = [now.mean_width / old.mean_width for now, old in pairs if now.nominal in GROUP_LEVELS]
            text = " / ".join(f"{ratio:.2f}" for ratio in ratios)
            yield Goal(
                f"width over that of the model before at most {MOST_WIDTH:g}", name, text, max(ratios) <= MOST_WIDTH
            )


def groups_table(reports: Reports, before: Reports) -> str:
    """Coverage by group beside that of the model before, in brackets; a row a property and group."""
    lines = [["property", "group", "n", "MAE", *(f"{level:.0%}" for level in GROUP_LEVELS)]]
    for name, report in reports.items():
        old = before.get(name)
        n_before, mae_before = (f" ({old.n})", f" ({old.mae:.3g})") if old else ("", "")
        levels = [_beside(level, old, None) for level in report.levels if level.nominal in GROUP_LEVELS]
        lines.append([name, "all", f"{report.n}{n_before}", f"{report.mae:.3g}{mae_before}", *levels])
        for group in _groups_of(report):
            n, mae = report.groups[group]
            kept = old.groups.get(group) if old else None
            n_before, mae_before = (f" ({kept[0]})", f" ({kept[1]:.3g})") if kept else ("", "")
            levels = [_beside(level, old, group) for level in report.levels if level.nominal in GROUP_LEVELS]
            lines.append([name, group, f"{n}{n_before}", f"{mae:.3g}{mae_before}", *levels])
    return _markdown(lines)


def left_out_table(card: ModelCard) -> str:
    """What the card says of well-known formulas out of fold; a row a property and group."""
    lines = [["property", "group", "n", "formulas", "MAE, 95 % interval", *(f"{level:.0%}" for level in GROUP_LEVELS)]]
    for entry in card.properties:
        for group, found in entry.out_of_fold.items():
            error = f"{found['mae']:.3g}, {found['mae_low']:.3g} to {found['mae_high']:.3g}"
            levels = [f"{found[f'coverage_{100 * level:.0f}']:.1%}" for level in GROUP_LEVELS]
            counts = [f"{found[name]:.0f}" for name in ("n", "n_formulas")]
            lines.append([entry.definition.name, group, *counts, error, *levels])
    return _markdown(lines)


def _groups_of(report: CalibrationReport) -> list[str]:
    return [name for name in report.groups if any(word in name for word in KNOWN_BEFORE)]


def _beside(level: LevelReport, before: CalibrationReport | None, group: str | None) -> str:
    """Coverage at a level, and that of the model before in brackets."""

    def coverage(one: LevelReport) -> float | None:
        return one.coverage if group is None else one.coverage_by_group.get(group)

    found = f"{coverage(level):.1%}"
    old = next((one for one in before.levels if one.nominal == level.nominal), None) if before else None
    earlier = coverage(old) if old else None
    return found if earlier is None else f"{found} ({earlier:.1%})"


def domain_table(report: Mapping[str, Any]) -> str:
    """Area and verdicts, a row a set."""
    lines = [["structures", "n", "AUROC", "in domain", "borderline", "out of domain"]]
    for name, entry in report.items():
        shares = [
            f"{entry['verdicts'].get(verdict, 0.0):.0%}" for verdict in ("IN_DOMAIN", "BORDERLINE", "OUT_OF_DOMAIN")
        ]
        area = f"{entry['auroc']:.3f}" if "auroc" in entry else ""
        lines.append([name, str(entry["n"]), area, *shares])
    return _markdown(lines)


def goals_table(found: Sequence[Goal]) -> str:
    """A row a goal."""
    rows = [[goal.what, goal.subject, goal.found, "yes" if goal.is_reached else "no"] for goal in found]
    return _markdown([["asked", "of", "found", "reached"], *rows])


def _markdown(lines: list[list[str]]) -> str:
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    rows = [lines[0], ["-" * width for width in widths], *lines[1:]]
    texts = (" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(f"| {text} |" for text in texts)


def plot_levels(reports: Reports, band: float, title: str, path: Path) -> None:
    """Coverage against nominal, a line a property; ``band`` is what may be missed by."""
    figure, axes = plt.subplots(figsize=(5.2, 4.6), constrained_layout=True)
    axes.plot((0.5, 1), (0.5, 1), color="0.6", lw=1)
    axes.fill_between((0.48, 1), (0.48 - band, 1 - band), (0.48 + band, 1 + band), color="0.9", label=f"± {band:.0%}")
    for name, report in reports.items():
        nominal, found = [e.nominal for e in report.levels], [e.coverage for e in report.levels]
        axes.plot(nominal, found, marker="o", ms=4, label=name)
    axes.set(xlabel="nominal coverage", ylabel="share of labels inside", title=title, xlim=(0.48, 1), ylim=(0.4, 1))
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def plot_domain(report: Mapping[str, Any], path: Path) -> None:
    """One bar a foreign set."""
    areas = {name: entry["auroc"] for name, entry in report.items() if name != USUAL}
    figure, axes = plt.subplots(figsize=(6.4, 4), constrained_layout=True)
    axes.barh(list(areas), list(areas.values()), color="#4c78a8")
    axes.axvline(LEAST_AREA, color="0.3", lw=1, ls="--")
    axes.set(xlim=(0.5, 1), xlabel="AUROC of the domain score against crystals of the test part")
    axes.invert_yaxis()
    figure.savefig(path, dpi=100)
    plt.close(figure)
