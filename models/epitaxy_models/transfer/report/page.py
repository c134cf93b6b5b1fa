"""The report as one HTML file: styles and pictures inside, no script, nothing loaded from anywhere."""

from markupsafe import Markup

from epitaxy_models.transfer.records import TransferReport
from epitaxy_models.transfer.report import charts
from epitaxy_models.transfer.report.outliers import outlying
from epitaxy_models.transfer.report.templates import page_template


def render_page(report: TransferReport) -> str:
    """The page; all that a user supplied is escaped."""
    colours = charts.colour_of([row.name for row in report.strategies])
    outliers = () if report.classes else outlying(report.parity)
    shown = {"colours": colours, "pictures": _pictures(report, colours), "outliers": outliers}
    return page_template(__package__).render(report=report, **shown)


def _pictures(report: TransferReport, colours: dict[str, str]) -> dict[str, Markup]:
    unit, source, classes = report.subject.unit, report.audit.latent_map, report.classes
    # A score has no unit; labels that are 0 or 1 make no picture against predictions, but that of their shares.
    error_unit, measure = ("", "Brier score before calibration") if classes else (unit, "mean absolute error")
    return {
        "learning_curves": charts.learning_curves(report.learning_curves, error_unit, colours, measure),
        "gains": charts.gains(report.strategies, error_unit, colours),
        "parity": Markup("") if classes else charts.parity(report.parity, unit),
        "calibration": charts.reliability(classes) if classes else charts.calibration(report.calibration),
        "latent_map": charts.latent_map(source) if source else Markup(""),
        "blocks": charts.block_bars(report.blocks),
    }
