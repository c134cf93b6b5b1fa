"""What is known about a served model."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from epitaxy.api.models.v1 import models_pb2
from epitaxy.client.results import CalibrationStamp, fidelity_name
from epitaxy.client.review import ReviewPolicy


@dataclass(frozen=True, slots=True)
class PropertyCard:
    """One property of a model.

    Attributes:
        unit: Of every value, standard deviation and bound.
        lower_bound: Physical bound in ``unit``, None where there is none; so ``upper_bound``.
        metrics: Held-out metrics by name with unit: ``"test_mae_ev_per_atom"``.
    """

    name: str
    unit: str
    fidelity: str
    level_of_theory: str
    description: str
    lower_bound: float | None
    upper_bound: float | None
    calibration: CalibrationStamp
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What a model was trained on; counts are structures."""

    name: str
    attribution: str
    license: str
    n_train: int
    n_validation: int
    n_calibration: int
    n_test: int
    split: str


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model version with its origin and its held-out metrics.

    Attributes:
        digest: ``"sha256:..."`` of the weights and the card.
        supported_elements: Atomic numbers.
        card_json: The whole card, for what has no field here.
        review_policy: Judges every answer of the model.
    """

    name: str
    version: str
    digest: str
    description: str
    aliases: tuple[str, ...]
    properties: tuple[PropertyCard, ...]
    training_data: TrainingData
    n_members: int
    n_parameters_per_member: int
    supported_elements: tuple[int, ...]
    featurizer_version: str
    license: str
    card_json: str
    review_policy: ReviewPolicy = field(default_factory=ReviewPolicy)

    def errors_by_group(self, name: str) -> Mapping[str, Mapping[str, float]]:
        """Held-out errors of a property by kind of crystal: ``n``, ``mae``, ``coverage``, ``mean_interval_width``.

        Empty where the card has none.
        """
        return _errors_by_group(self.card_json, name)

    @classmethod
    def from_proto(cls, card: models_pb2.ModelCard) -> "ModelCard":
        """The card as the server gave it."""
        return cls(
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
            review_policy=ReviewPolicy.from_proto(card.review_policy),
        )


def _errors_by_group(card_json: str, name: str) -> Mapping[str, Mapping[str, float]]:
    for entry in json.loads(card_json or "{}").get("properties", []):
        if entry["definition"]["name"] == name:
            return dict(entry.get("errors_by_group", {}))
    return {}


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
        calibration=CalibrationStamp.from_proto(card.calibration),
        metrics=dict(card.metrics),
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
