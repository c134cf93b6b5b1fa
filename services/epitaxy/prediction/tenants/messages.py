"""Tenants' models on the wire: stamps, cards, and pages of them."""

import base64
import binascii
from collections.abc import Sequence

from epitaxy.api.common.v1 import model_pb2, property_pb2
from epitaxy.api.internal.v1 import prediction_backend_pb2
from epitaxy.api.models.v1 import models_pb2
from epitaxy.api.prediction.v1 import prediction_pb2
from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.chassis.limits import DEFAULT_PAGE_SIZE
from epitaxy.prediction.messages import KINDS, ResultEncoder, definition_message, policy_message
from epitaxy.prediction.tenants.models import ServedVersion
from epitaxy_models.review import ReviewPolicy
from epitaxy_models.transfer.conditions.condition import Condition
from epitaxy_models.transfer.fitted.card import BaseModel

_TENANT_LICENSE = "the tenant's own"
# Of every model that says nothing else.
_SPLIT = "cross-validation by reduced formula"


def tenant_encoder(served: ServedVersion) -> ResultEncoder:
    """Writes predictions of one version."""
    stamp = prediction_pb2.PropertyStamp(definition=_definition(served), calibration=_calibration(served))
    return ResultEncoder(_stamp(served), [stamp])


def tenant_card(served: ServedVersion, aliases: Sequence[str], policy: ReviewPolicy) -> models_pb2.ModelCard:
    """The card of one version."""
    card = served.card
    own = models_pb2.PropertyCard(
        definition=_definition(served), calibration=_calibration(served), metrics=_metrics(served)
    )
    training = card.training
    message = models_pb2.ModelCard(
        stamp=_stamp(served),
        description=card.description
        or f"{card.strategy} on {card.base.name}, {card.verdict.value}: {card.verdict_reason}",
        aliases=aliases,
        properties=[own],
        training_data=models_pb2.TrainingData(
            name=f"labels of {card.definition.name}, {card.definition.fidelity.value}",
            attribution=str(training.get("labels_digest", "")),
            license=_TENANT_LICENSE,
            n_train=card.n_labels,
            n_calibration=card.calibration.calibrator.n_calibration,
            n_test=card.calibration.n_measured,
            split=str(training.get("split", _SPLIT)),
        ),
        n_members=served.n_members,
        supported_elements=training.get("elements", ()),
        featurizer_version=card.descriptors,
        license=card.license or _TENANT_LICENSE,
        card_json=served.card_json,
        kinds=[KINDS[served.kind]],
        review_policy=policy_message(policy),
        conditions=[_condition(condition) for condition in card.conditions],
    )
    if served.version.created_at is not None:
        message.create_time.FromDatetime(served.version.created_at)
    return message


def _definition(served: ServedVersion) -> property_pb2.PropertyDefinition:
    message = definition_message(served.card.definition)
    message.is_probability = served.card.link is not None
    return message


def _metrics(served: ServedVersion) -> dict[str, float]:
    """Errors out of fold by strategy; of classes Brier scores and AUCs, and what the probabilities are worth."""
    card = served.card
    if card.link is None:
        return {f"cv_mae/{strategy}": error for strategy, error in card.maes.items()}
    quality = card.training.get("classes", {})
    metrics = {f"cv_brier/{strategy}": score for strategy, score in card.maes.items()}
    metrics |= {f"cv_auc/{strategy}": auc for strategy, auc in quality.get("auc_by_strategy", {}).items()}
    told = ("auc", "brier", "constant_brier", "log_loss", "calibration_error", "expected_calibration_error")
    return metrics | {name: float(quality[name]) for name in told if name in quality}


def base_message(base: BaseModel, *, is_current: bool) -> models_pb2.BaseModel:
    """The substrate under a model; ``is_current`` if new models are fitted on it too."""
    return models_pb2.BaseModel(name=base.name, version=base.version, weights_digest=base.digest, is_current=is_current)


def page_of(
    cards: Sequence[models_pb2.ModelCard],
    request: prediction_backend_pb2.ListServedModelsRequest,
    n_shared: int = 1,
) -> prediction_backend_pb2.ListServedModelsResponse:
    """The cards of one page, in the order given; a token names the last card of the page before.

    The first ``n_shared`` cards are of shared models, the others by name.

    Raises InvalidRequestError for a token that this server never sent.
    """
    start = 0
    if request.page_token:
        last = _key_of(request.page_token)
        keys = [_key(card) for card in cards]
        # A model that has gone meanwhile leaves its place to the next one.
        start = keys.index(last) + 1 if last in keys else sum(key <= last for key in keys[n_shared:]) + n_shared
    end = start + (request.page_size or DEFAULT_PAGE_SIZE)
    token = _token(_key(cards[end - 1])) if end < len(cards) else ""
    return prediction_backend_pb2.ListServedModelsResponse(models=cards[start:end], next_page_token=token)


def _stamp(served: ServedVersion) -> model_pb2.ModelStamp:
    version = served.version
    return model_pb2.ModelStamp(name=str(version.model), version=version.version, digest=version.digest)


def _condition(condition: Condition) -> models_pb2.ConditionCard:
    return models_pb2.ConditionCard(
        name=condition.name,
        unit=condition.unit,
        categories=condition.categories,
        low=condition.low,
        high=condition.high,
        n_missing=condition.n_missing,
    )


def _calibration(served: ServedVersion) -> property_pb2.CalibrationStamp:
    record = served.card.calibration
    return property_pb2.CalibrationStamp(
        method=record.method,
        n_calibration=record.calibrator.n_calibration,
        measured_coverage=record.measured_coverage,
        nominal_coverage=record.measured_at,
        n_measured=record.n_measured,
    )


def _key(card: models_pb2.ModelCard) -> str:
    # Versions sort as numbers.
    return f"{card.stamp.name}\n{card.stamp.version:>12}"


def _token(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _key_of(token: str) -> str:
    try:
        key = base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise InvalidRequestError.of_field("page_token", "is not a token of this server") from error
    if "\n" not in key:
        raise InvalidRequestError.of_field("page_token", "is not a token of this server")
    return key
