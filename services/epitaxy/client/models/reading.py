"""From the wire to cards, review policies and audit entries, and back."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from epitaxy.api.common.v1 import review_pb2, structure_pb2
from epitaxy.api.models.v1 import governance_pb2, models_pb2
from epitaxy.client.defaults import COVERAGE
from epitaxy.client.models.cards import BaseModel, ConditionCard, PropertyCard, TrainingData
from epitaxy.client.models.render import ModelCard
from epitaxy.client.models.review import AuditEntry, ModelChange, ReviewPolicy
from epitaxy.client.reading import fidelity_name, read_calibration, review_name


def read_card(card: models_pb2.ModelCard) -> ModelCard:
    """The card as the server gave it."""
    return ModelCard(
        name=card.stamp.name,
        version=card.stamp.version,
        digest=card.stamp.digest,
        description=card.description,
        aliases=tuple(card.aliases),
        properties=tuple(_property(part) for part in card.properties),
        training_data=_training_data(card.training_data),
        n_members=card.n_members,
        n_parameters_per_member=card.n_parameters_per_member,
        supported_elements=tuple(card.supported_elements),
        featurizer_version=card.featurizer_version,
        license=card.license,
        card_json=card.card_json,
        review_policy=read_policy(card.review_policy),
        create_time=card.create_time.ToDatetime(tzinfo=UTC) if card.HasField("create_time") else None,
        base=_base(card.base) if card.HasField("base") else None,
        conditions=tuple(_condition(entry) for entry in card.conditions),
        kinds=tuple(_kind(kind) for kind in card.kinds),
    )


def _kind(kind: structure_pb2.MaterialKind) -> str:
    return str(structure_pb2.MaterialKind.Name(kind)).removeprefix("MATERIAL_KIND_").lower()


def _base(base: models_pb2.BaseModel) -> BaseModel:
    return BaseModel(base.name, base.version, base.weights_digest, base.is_current)


def read_policy(policy: review_pb2.ReviewPolicy) -> ReviewPolicy:
    """The policy as the server gave it."""
    return ReviewPolicy(
        dict(policy.max_interval_width),
        policy.interval_coverage or COVERAGE,
        policy.max_domain_score or None,
        review_name(policy.out_of_domain) if policy.out_of_domain else "REVIEW",
        tuple(policy.forbidden_elements),
    )


def write_policy(policy: ReviewPolicy) -> review_pb2.ReviewPolicy:
    """The policy on the wire. Raises ValueError for a verdict that there is not."""
    return review_pb2.ReviewPolicy(
        max_interval_width=policy.max_interval_width,
        interval_coverage=policy.interval_coverage,
        max_domain_score=policy.max_domain_score or 0.0,
        out_of_domain=f"REVIEW_VERDICT_{policy.out_of_domain}",
        forbidden_elements=policy.forbidden_elements,
    )


def read_audit_entry(entry: governance_pb2.AuditEntry) -> AuditEntry:
    """The entry as the server gave it."""
    return AuditEntry(
        create_time=entry.create_time.ToDatetime(tzinfo=UTC),
        action=entry.action,
        model=entry.model_name,
        version=entry.version,
        digest=entry.digest,
        reason=entry.reason,
        request_id=entry.request_id,
        key_id=entry.key_id,
    )


def write_time(at: datetime | None) -> Timestamp | None:
    """A time on the wire; one without a zone is taken as UTC."""
    if at is None:
        return None
    message = Timestamp()
    message.FromDatetime(at if at.tzinfo else at.replace(tzinfo=UTC))
    return message


def read_change(done: governance_pb2.PromoteModelResponse | governance_pb2.RollbackModelResponse) -> ModelChange:
    """What a promotion or a rollback changed."""
    return ModelChange(done.model_name, done.version, done.previous_version, done.served_as)


def _property(card: models_pb2.PropertyCard) -> PropertyCard:
    definition = card.definition
    return PropertyCard(
        name=definition.name,
        unit=definition.unit,
        fidelity=fidelity_name(definition.fidelity),
        level_of_theory=definition.level_of_theory,
        description=definition.description,
        lower_bound=definition.lower_bound if definition.HasField("lower_bound") else None,
        upper_bound=definition.upper_bound if definition.HasField("upper_bound") else None,
        calibration=read_calibration(card.calibration),
        metrics=dict(card.metrics),
    )


def _condition(card: models_pb2.ConditionCard) -> ConditionCard:
    return ConditionCard(
        name=card.name,
        unit=card.unit,
        categories=tuple(card.categories),
        low=card.low if card.HasField("low") else None,
        high=card.high if card.HasField("high") else None,
        n_missing=card.n_missing,
    )


def _training_data(data: models_pb2.TrainingData) -> TrainingData:
    return TrainingData(
        name=data.name,
        attribution=data.attribution,
        license=data.license,
        n_train=data.n_train,
        n_validation=data.n_validation,
        n_calibration=data.n_calibration,
        n_test=data.n_test,
        split=data.split,
    )
