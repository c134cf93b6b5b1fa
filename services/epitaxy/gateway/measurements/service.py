"""The use cases of measurements: what was measured is compared with what the model predicts, and kept."""

from epitaxy.gateway.measurements.domain import (
    HELD_TO_COVERAGE,
    MeasurableProperty,
    MeasurementBatch,
    ModelChoice,
    Predictions,
    Refusal,
    Report,
    ReportAnswer,
    check_report,
    check_unit,
    choose_property,
    split_outcomes,
)
from epitaxy.gateway.measurements.ports import MeasurementKeeper, Predictor
from epitaxy.gateway.model_access import check_model_access


class MeasurementService:
    """Takes reports in, and says how models do."""

    def __init__(self, predictor: Predictor, keeper: MeasurementKeeper) -> None:
        self._predictor, self._keeper = predictor, keeper

    async def report(self, report: Report) -> ReportAnswer:
        """Predicts each structure and keeps the measurement beside it; a structure without a prediction is refused.

        Whatever can be refused is refused before anything is counted or predicted. Raises InvalidRequestError if the
        unit has changed since the model's card was read.
        """
        check_model_access(report.model.name)
        self._keeper.check_configured()
        check_report(report)
        name = choose_property(await self._predictor.describe(report.model), report).name
        structures = [measurement.structure for measurement in report.measurements]
        predictions = await self._predictor.predict(report.model, name, HELD_TO_COVERAGE, structures)
        if predictions.unit is not None:
            check_unit(MeasurableProperty(name, predictions.unit), report.unit)
        return await self._keep(report, name, predictions)

    async def read_health(self, model: ModelChoice) -> bytes:
        """How the version does that a choice means now, encoded."""
        check_model_access(model.name)
        self._keeper.check_configured()
        return await self._keeper.read_health((await self._predictor.describe(model)).version)

    async def _keep(self, report: Report, name: str, predictions: Predictions) -> ReportAnswer:
        kept, refusals = split_outcomes(report.measurements, predictions)
        recorded = await self._keeper.record(MeasurementBatch(predictions.model, name, report.unit, kept))
        results: dict[str, bytes | Refusal] = {**recorded.results, **refusals}
        in_order = tuple((measurement.id, results[measurement.id]) for measurement in report.measurements)
        return ReportAnswer(predictions.model, in_order, recorded.health)
