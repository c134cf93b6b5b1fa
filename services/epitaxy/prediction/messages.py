"""Requests out of protobuf and answers into it."""

from collections.abc import Iterator, Sequence

from epitaxy.api.common.v1 import model_pb2, property_pb2, review_pb2, structure_pb2
from epitaxy.api.internal.v1 import prediction_backend_pb2
from epitaxy.api.models.v1 import models_pb2
from epitaxy.api.prediction.v1 import prediction_pb2
from epitaxy.chassis.errors import InvalidRequestError, NotFoundError
from epitaxy.chassis.limits import DEFAULT_COVERAGE, MAX_COVERAGE, MIN_COVERAGE
from epitaxy.prediction.answers.columns import ColumnWriter
from epitaxy.prediction.answers.enums import DOMAIN_VERDICTS, KINDS, REVIEW_VERDICTS
from epitaxy.prediction.answers.refusals import item_error
from epitaxy.prediction.domain import Accepted, Answer, BlockAnswer, IntakeReport, Query, ReadMaterial, Refusal
from epitaxy.prediction.intake.items import items_of
from epitaxy.prediction.ports import Embedding
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.ensembles.card import ModelCard, PropertyCard
from epitaxy_models.heads.property import PropertyDefinition
from epitaxy_models.review import ReviewDecision, ReviewPolicy, doubts_of
from epitaxy_models.structures.display import display_formula

__all__ = [
    "KINDS", "BlockEncoder", "ResultEncoder", "check_model", "item_error", "items_of", "query_for", "query_of",
    "reports",
]  # fmt: skip

CHAMPION = "champion"


def check_model(selector: model_pb2.ModelSelector, artifact: ModelArtifact, earlier: Sequence[str] = ()) -> None:
    """Raises NotFoundError unless the selector names the model; ``earlier`` are other versions that are served."""
    check_card(selector, artifact.card, earlier)


def check_card(selector: model_pb2.ModelSelector, card: ModelCard, earlier: Sequence[str] = ()) -> None:
    """The same by the card of any substrate."""
    if selector.name not in ("", card.name):
        raise NotFoundError(f"no model named {selector.name!r}; served: {card.name}", reason="UNKNOWN_MODEL")
    which = selector.WhichOneof("which")
    if which == "version" and selector.version != card.version:
        served = ", ".join((f"{card.name}:{card.version}", *earlier))
        raise NotFoundError(
            f"model {card.name} has no version {selector.version!r}; served: {served}", reason="UNKNOWN_VERSION"
        )
    if which == "alias" and selector.alias != CHAMPION:
        raise NotFoundError(f"model {card.name} has no alias {selector.alias!r}", reason="UNKNOWN_ALIAS")


def query_of(options: prediction_pb2.PredictionOptions, artifact: ModelArtifact) -> Query:
    """The query; raises NotFoundError for another model, InvalidRequestError for unknown properties or coverage."""
    check_model(options.model, artifact)
    return query_for(options, [entry.definition.name for entry in artifact.card.properties])


def query_for(options: prediction_pb2.PredictionOptions, names: Sequence[str]) -> Query:
    """The query to a model with properties of these names; raises InvalidRequestError for others, or the coverage."""
    unknown = sorted(set(options.properties) - set(names))
    if unknown:
        raise InvalidRequestError.of_field(
            "options.properties", f"the model has no {', '.join(unknown)}; it has {', '.join(names)}"
        )
    coverage = options.coverage or DEFAULT_COVERAGE
    if not MIN_COVERAGE <= coverage <= MAX_COVERAGE:
        raise InvalidRequestError.of_field(
            "options.coverage", f"must lie between {MIN_COVERAGE} and {MAX_COVERAGE}, got {coverage:g}"
        )
    chosen = dict.fromkeys(options.properties or names)
    is_columnar = options.answer_form == prediction_pb2.ANSWER_FORM_COLUMNS
    return Query(tuple(names.index(name) for name in chosen), coverage, options.bypass_cache, is_columnar)


class ResultEncoder:
    """Writes predictions of one model; what never changes is built once."""

    def __init__(self, stamp: model_pb2.ModelStamp, properties: Sequence[prediction_pb2.PropertyStamp]) -> None:
        self._stamp, self._properties = stamp, properties

    def results(self, block: BlockAnswer, query: Query, sequence: int) -> prediction_pb2.ResultBlock:
        """The answer to one message, in the form that the query asks for."""
        message = prediction_pb2.ResultBlock(sequence=sequence, model=self._stamp)
        message.properties.extend(self._properties[index] for index in query.properties)
        if query.is_columnar:
            writer = ColumnWriter(block, query)
            message.columns.CopyFrom(writer.message())
            message.counts.CopyFrom(writer.counts())
            return message
        for answer in block.answers:
            self._add(message, answer, block, query)
        return message

    def _add(self, message: prediction_pb2.ResultBlock, answer: Answer, block: BlockAnswer, query: Query) -> None:
        result, counts = message.results.add(id=answer.id), message.counts
        if isinstance(answer.outcome, Refusal):
            result.error.CopyFrom(item_error(answer.outcome))
            if answer.outcome.is_retryable:
                counts.failed += 1
            else:
                counts.refused += 1
            return
        counts.answered += 1
        counts.cache_hits += answer.is_cache_hit
        _fill(result.prediction, answer, answer.outcome, block, query)


class BlockEncoder(ResultEncoder):
    """Writes answers of the shared model."""

    def __init__(self, artifact: ModelArtifact) -> None:
        self._artifact = artifact
        card = artifact.card
        stamp = model_pb2.ModelStamp(name=card.name, version=card.version, digest=artifact.digest)
        super().__init__(stamp, [_property_stamp(entry) for entry in card.properties])

    def embeddings(self, answers: Sequence[Answer], embeddings: Embedding) -> prediction_backend_pb2.EmbedBlockResponse:
        """Embeddings of all members side by side, float32."""
        return embeddings_message(self._artifact.card, self._artifact.digest, answers, embeddings)

    def model_card(self, policy: ReviewPolicy, *, is_current: bool = True) -> models_pb2.ModelCard:
        """The card of the served model, with the policy that judges its answers; an earlier version has no alias."""
        artifact = self._artifact
        message = substrate_card(artifact.card, artifact.digest, policy, is_current=is_current)
        message.kinds.append(structure_pb2.MATERIAL_KIND_STRUCTURE)
        message.n_parameters_per_member = artifact.n_parameters // artifact.card.backbone.n_members
        message.supported_elements.extend(artifact.supported_elements())
        message.card_json = artifact.card_json
        return message


def substrate_card(
    card: ModelCard, digest: str, policy: ReviewPolicy, *, is_current: bool = True
) -> models_pb2.ModelCard:
    """What a card says of any substrate; an earlier version has no alias."""
    data = card.training_data
    return models_pb2.ModelCard(
        stamp=model_pb2.ModelStamp(name=card.name, version=card.version, digest=digest),
        description=card.description,
        aliases=[CHAMPION] if is_current else [],
        properties=[_property_card(entry) for entry in card.properties],
        training_data=models_pb2.TrainingData(
            name=data.name,
            attribution=data.attribution,
            license=data.license,
            n_train=data.n_train,
            n_validation=data.n_validation,
            n_calibration=data.n_calibration,
            n_test=data.n_test,
            split=data.split,
        ),
        n_members=card.backbone.n_members,
        featurizer_version=card.rule.version,
        license=card.license,
        review_policy=policy_message(policy),
    )


def embeddings_message(
    card: ModelCard, digest: str, answers: Sequence[Answer], embeddings: Sequence[Embedding] | Embedding
) -> prediction_backend_pb2.EmbedBlockResponse:
    """Embeddings of all members of a substrate side by side, float32; rows of answers point into ``embeddings``."""
    shape = card.backbone
    stamp = model_pb2.ModelStamp(name=card.name, version=card.version, digest=digest)
    message = prediction_backend_pb2.EmbedBlockResponse(model=stamp, dimension=shape.n_members * shape.embedding_width)
    for answer in answers:
        entry = message.embeddings.add(id=answer.id, cache_hit=answer.is_cache_hit)
        if isinstance(answer.outcome, Refusal):
            entry.error.CopyFrom(item_error(answer.outcome))
        else:
            entry.embedding = embeddings[answer.row].astype("<f4").tobytes()
    return message


def substrate_encoder(card: ModelCard, digest: str) -> ResultEncoder:
    """Writes predictions of a substrate of materials without a crystal."""
    stamp = model_pb2.ModelStamp(name=card.name, version=card.version, digest=digest)
    return ResultEncoder(stamp, [_property_stamp(entry) for entry in card.properties])


def reports(read: Sequence[IntakeReport]) -> prediction_backend_pb2.ValidateBlockResponse:
    """One intake report per item, in order."""
    message = prediction_backend_pb2.ValidateBlockResponse()
    for entry in read:
        report, outcome = message.reports.add(id=entry.id), entry.outcome
        if isinstance(outcome, Refusal):
            report.error.CopyFrom(item_error(outcome))
            continue
        if isinstance(outcome, Accepted):
            report.kind = structure_pb2.MATERIAL_KIND_STRUCTURE
            report.reduced_formula = display_formula(outcome.structure.atomic_numbers)
            report.n_sites = outcome.structure.n_sites
        else:
            report.kind = KINDS[outcome.kind]
            report.reduced_formula, report.key, report.n_sites = outcome.formula, outcome.key, outcome.n_atoms
        report.repairs.extend(_repairs(outcome))
        report.notes.extend(_notes(outcome))
    return message


def _fill(
    message: prediction_pb2.StructurePrediction,
    answer: Answer,
    accepted: Accepted | ReadMaterial,
    block: BlockAnswer,
    query: Query,
) -> None:
    prediction, row = block.prediction, answer.row
    if isinstance(accepted, Accepted):
        message.reduced_formula = display_formula(accepted.structure.atomic_numbers)
        message.n_sites = accepted.structure.n_sites
    else:
        message.reduced_formula, message.n_sites = accepted.formula, accepted.n_atoms
    message.cache_hit = answer.is_cache_hit
    message.repairs.extend(_repairs(accepted))
    message.notes.extend(_notes(accepted))
    _fill_review(message.review, block.reviews[row].with_rules(doubts_of(accepted.repairs, accepted.notes)))
    domain = prediction.domains[row]
    message.domain.score, message.domain.reason = domain.score, domain.reason
    message.domain.verdict = DOMAIN_VERDICTS[domain.verdict]
    for position, column in enumerate(query.properties):
        entry = message.values.add(
            property_index=position,
            value=prediction.values[row, column],
            epistemic_std=prediction.epistemic_std[row, column],
            aleatoric_std=prediction.aleatoric_std[row, column],
            std=prediction.stds[row, column],
        )
        entry.interval.lower = prediction.lower[row, column]
        entry.interval.upper = prediction.upper[row, column]
        entry.interval.coverage = query.coverage


def _fill_review(message: review_pb2.ReviewDecision, decision: ReviewDecision) -> None:
    message.verdict = REVIEW_VERDICTS[decision.verdict]
    for rule in decision.rules:
        message.rules.add(code=rule.code, message=rule.message)


def policy_message(policy: ReviewPolicy) -> review_pb2.ReviewPolicy:
    """A review policy on the wire."""
    return review_pb2.ReviewPolicy(
        max_interval_width=policy.max_interval_width,
        interval_coverage=policy.interval_coverage,
        max_domain_score=policy.max_domain_score or 0.0,
        out_of_domain=REVIEW_VERDICTS[policy.out_of_domain],
        forbidden_elements=policy.forbidden_elements,
    )


def _repairs(accepted: Accepted | ReadMaterial) -> Iterator[structure_pb2.Repair]:
    return (structure_pb2.Repair(code=repair.code, message=repair.message) for repair in accepted.repairs)


def _notes(accepted: Accepted | ReadMaterial) -> Iterator[structure_pb2.Note]:
    return (structure_pb2.Note(code=note.code, message=note.message) for note in accepted.notes)


def definition_message(definition: PropertyDefinition) -> property_pb2.PropertyDefinition:
    """Definition of a property on the wire."""
    return property_pb2.PropertyDefinition(
        name=definition.name,
        unit=definition.unit,
        fidelity=f"FIDELITY_{definition.fidelity.value}",
        level_of_theory=definition.level_of_theory,
        description=definition.description,
        lower_bound=definition.lower_bound,
        upper_bound=definition.upper_bound,
    )


def _calibration(entry: PropertyCard) -> property_pb2.CalibrationStamp:
    return property_pb2.CalibrationStamp(
        method=entry.calibration_method,
        n_calibration=entry.calibrator.n_calibration,
        measured_coverage=entry.measured_coverage,
        nominal_coverage=entry.measured_at,
        n_measured=entry.n_measured,
    )


def _property_stamp(entry: PropertyCard) -> prediction_pb2.PropertyStamp:
    definition = definition_message(entry.definition)
    return prediction_pb2.PropertyStamp(definition=definition, calibration=_calibration(entry))


def _property_card(entry: PropertyCard) -> models_pb2.PropertyCard:
    return models_pb2.PropertyCard(
        definition=definition_message(entry.definition), calibration=_calibration(entry), metrics=entry.metrics
    )
