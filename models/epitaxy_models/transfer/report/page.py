"""The report as one HTML file: styles and pictures inside, no script, nothing loaded from anywhere."""

from markupsafe import Markup

from epitaxy_models.transfer.records import TransferReport
from epitaxy_models.transfer.report import charts
from epitaxy_models.transfer.report.outliers import outlying
from epitaxy_models.transfer.report.templates import page_template


def render_page(report: TransferReport) -> str:
    """The page; all that a user supplied is escaped."""
    colours = charts.colour_of([row.name for row in report.strategies])
    shown = {"colours": colours, "pictures": _pictures(report, colours), "outliers": outlying(report.parity)}
    return page_template(__package__).render(report=report, **shown)


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
