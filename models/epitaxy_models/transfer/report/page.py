"""The report as one HTML file: styles and pictures inside, no script, nothing loaded from anywhere."""

from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from epitaxy_models.transfer.records import TransferReport
from epitaxy_models.transfer.report import charts
from epitaxy_models.transfer.report.outliers import outlying

_TEMPLATE = "page.html.j2"


def render_page(report: TransferReport) -> str:
    """The page; all that a user supplied is escaped."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": _number}
    source = files(__package__).joinpath(_TEMPLATE).read_text(encoding="utf-8")
    colours = charts.colour_of([row.name for row in report.strategies])
    shown = {"colours": colours, "pictures": _pictures(report, colours), "outliers": outlying(report.parity)}
    return environment.from_string(source).render(report=report, **shown)


def _pictures(report: TransferReport, colours: dict[str, str]) -> dict[str, Markup]:
    unit, source = report.subject.unit, report.audit.latent_map
    return {
        "learning_curves": charts.learning_curves(report.learning_curves, unit, colours),
        "gains": charts.gains(report.strategies, unit, colours),
        "parity": charts.parity(report.parity, unit),
        "calibration": charts.calibration(report.calibration),
        "latent_map": charts.latent_map(source) if source else Markup(""),
        "blocks": charts.block_bars(report.blocks),
    }


def _number(value: float) -> str:
    """Three digits that count."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
