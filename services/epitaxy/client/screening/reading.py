"""From the wire to results of screenings, predictions, embeddings and validations."""

from collections.abc import Iterator

import numpy as np

from epitaxy.api.common.v1 import model_pb2, structure_pb2
from epitaxy.api.prediction.v1 import prediction_pb2, structures_pb2
from epitaxy.client.inputs.item import InputItem
from epitaxy.client.reading import (
    enum_name,
    fidelity_name,
    read_calibration,
    read_item_error,
    read_notes,
    read_repairs,
    read_review,
)
from epitaxy.client.results import EmbeddingResult, IntakeReport, ItemError, PropertyPrediction
from epitaxy.client.screening.chunks import Message
from epitaxy.client.screening.render import ScreenResult


class ResultBlockReader:
    """Turns one block of answers into results; what holds for the whole block is read once."""

    def __init__(self, block: prediction_pb2.ResultBlock) -> None:
        self._model: model_pb2.ModelStamp = block.model
        self._results = block.results
        self._properties = [
            (stamp.definition, fidelity_name(stamp.definition.fidelity), read_calibration(stamp.calibration))
            for stamp in block.properties
        ]
        # A block that several substrates answered stamps its properties one by one.
        self._models = [stamp.model if stamp.HasField("model") else block.model for stamp in block.properties]

    def __iter__(self) -> Iterator[prediction_pb2.StructureResult]:
        """The answers as sent."""
        return iter(self._results)

    def read(self, answer: prediction_pb2.StructureResult, item_id: str, index: int) -> ScreenResult:
        """One answer under the caller's own id."""
        stamp = self._model
        if answer.WhichOneof("outcome") != "prediction":
            return ScreenResult(
                item_id, index, model=stamp.name, model_version=stamp.version, model_digest=stamp.digest,
                error=read_item_error(answer.error),
            )  # fmt: skip
        prediction = answer.prediction
        if prediction.values:
            stamp = self._models[prediction.values[0].property_index]
        return ScreenResult(
            id=item_id,
            index=index,
            formula=prediction.reduced_formula,
            n_sites=prediction.n_sites,
            predictions=tuple(self._value(value) for value in prediction.values),
            domain_score=prediction.domain.score,
            domain_verdict=verdict_name(prediction.domain.verdict),
            domain_reason=prediction.domain.reason,
            cache_hit=prediction.cache_hit,
            repairs=read_repairs(prediction.repairs),
            model=stamp.name,
            model_version=stamp.version,
            model_digest=stamp.digest,
            review=read_review(prediction.review),
            notes=read_notes(prediction.notes),
        )

    def _value(self, value: prediction_pb2.PropertyValue) -> PropertyPrediction:
        definition, fidelity, calibration = self._properties[value.property_index]
        return PropertyPrediction(
            property=definition.name,
            value=value.value,
            unit=definition.unit,
            epistemic_std=value.epistemic_std,
            aleatoric_std=value.aleatoric_std,
            lower=value.interval.lower,
            upper=value.interval.upper,
            coverage=value.interval.coverage,
            fidelity=fidelity,
            level_of_theory=definition.level_of_theory,
            calibration=calibration,
            std=value.std,
        )


def read_predictions(message: Message, block: prediction_pb2.ResultBlock) -> Iterator[ScreenResult]:
    """Results of one message, in input order."""
    reader = ResultBlockReader(block)
    answers = {
        answer.id: reader.read(answer, item.id, item.index)
        for answer in reader
        if (item := message.item_of(answer.id)) is not None
    }
    yield from message.in_order(answers, refused_result)


def read_reports(message: Message, response: structures_pb2.ValidateResponse) -> Iterator[IntakeReport]:
    """Intake reports of one message, in input order."""
    answers = {
        report.id: _report(report, item)
        for report in response.reports
        if (item := message.item_of(report.id)) is not None
    }
    yield from message.in_order(answers, _refused_report)


def read_embeddings(message: Message, response: prediction_pb2.EmbedResponse) -> Iterator[EmbeddingResult]:
    """Embeddings of one message, in input order."""
    answers = {
        answer.id: _embedding(answer, item, response.model)
        for answer in response.embeddings
        if (item := message.item_of(answer.id)) is not None
    }
    yield from message.in_order(answers, _refused_embedding)


def refused_result(item: InputItem, error: ItemError) -> ScreenResult:
    """The result of an item that no model saw."""
    return ScreenResult(item.id, item.index, error=error)


def verdict_name(value: int) -> str:
    """``"IN_DOMAIN"`` for ``DOMAIN_VERDICT_IN_DOMAIN``."""
    return enum_name(prediction_pb2.DomainVerdict.Name, "DOMAIN_VERDICT_", value)


def kind_name(value: int) -> str:
    """``"polymer"`` for ``MATERIAL_KIND_POLYMER``; servers that state no kind read structures."""
    name = enum_name(structure_pb2.MaterialKind.Name, "MATERIAL_KIND_", value).lower()
    return "structure" if name == "unspecified" else name


def _report(report: structures_pb2.IntakeReport, item: InputItem) -> IntakeReport:
    error = read_item_error(report.error) if report.HasField("error") else None
    return IntakeReport(
        item.id,
        item.index,
        report.reduced_formula,
        report.n_sites,
        read_repairs(report.repairs),
        error,
        read_notes(report.notes),
        "" if error is not None else kind_name(report.kind),
        report.key,
    )


def _embedding(
    answer: prediction_pb2.StructureEmbedding, item: InputItem, model: model_pb2.ModelStamp
) -> EmbeddingResult:
    has_embedding = answer.WhichOneof("outcome") == "embedding"
    return EmbeddingResult(
        id=item.id,
        index=item.index,
        embedding=np.frombuffer(answer.embedding, dtype="<f4") if has_embedding else None,
        cache_hit=answer.cache_hit,
        model=model.name,
        model_version=model.version,
        model_digest=model.digest,
        error=None if has_embedding else read_item_error(answer.error),
    )


def _refused_report(item: InputItem, error: ItemError) -> IntakeReport:
    return IntakeReport(item.id, item.index, error=error)


def _refused_embedding(item: InputItem, error: ItemError) -> EmbeddingResult:
    return EmbeddingResult(item.id, item.index, error=error)
