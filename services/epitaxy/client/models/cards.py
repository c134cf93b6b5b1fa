"""What is known about a served model: frozen values."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from epitaxy.client.models.review import ReviewPolicy
from epitaxy.client.results import CalibrationStamp


@dataclass(frozen=True, slots=True)
class PropertyCard:
    """One property of a model.

    Attributes:
        name: Snake-case name: ``"band_gap"``.
        unit: Unit of every value, standard deviation and bound.
        fidelity: Level of theory or kind of measurement in one word: ``"PBE"``.
        level_of_theory: The level of theory in full, with its vintage.
        description: One or two sentences on what the property is.
        lower_bound: Lower physical bound, in ``unit``; None if there is none.
        upper_bound: Upper physical bound, in ``unit``; None if there is none.
        calibration: How the intervals were calibrated.
        metrics: Metrics on held-out structures, by name with unit: ``"test_mae_ev_per_atom"``.
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
    """What a model was trained on.

    Attributes:
        name: Name of the data set.
        attribution: Whom to cite.
        license: License of the data.
        n_train: Structures that the members were trained on.
        n_validation: Structures that decided when training ended.
        n_calibration: Structures that the intervals were calibrated on.
        n_test: Structures that the metrics were measured on.
        split: How these parts were chosen.
    """

    name: str
    attribution: str
    license: str
    n_train: int
    n_validation: int
    n_calibration: int
    n_test: int
    split: str


@dataclass(frozen=True, slots=True)
class BaseModel:
    """The shared model (substrate) under a model of your own, which is pinned to it.

    Attributes:
        name: Name: ``"substrate-mp"``.
        version: Version.
        weights_digest: ``"sha256:..."`` of its weights.
        is_current: False if the server fits new models on a later version; ``refit_model`` fits this one on it too.
    """

    name: str
    version: str
    weights_digest: str
    is_current: bool

    def in_words(self) -> str:
        """``"substrate-mp:4, an earlier version"``."""
        return f"{self.name}:{self.version}" + ("" if self.is_current else ", an earlier version")


@dataclass(frozen=True, slots=True)
class ConditionCard:
    """A condition that a model reads beside a structure.

    Attributes:
        name: Name, by which ``screen`` and ``predict`` take a value.
        unit: Unit of a number; empty for a category, and where the labels did not state one.
        categories: Categories that the labels hold; empty for a number.
        low: Smallest number that the labels cover; None for a category.
        high: Largest number that the labels cover; None for a category.
        n_missing: Labels without a value.
    """

    name: str
    unit: str = ""
    categories: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    n_missing: int = 0

    @property
    def covered(self) -> str:
        """What the labels cover, for a person: ``"300 to 900 K"``, ``"flux, sol-gel"``."""
        if self.categories:
            return ", ".join(self.categories)
        return f"{self.low:g} to {self.high:g}{f' {self.unit}' if self.unit else ''}"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model version with its origin and its metrics on held-out structures.

    Attributes:
        name: Name of the model.
        version: Version of the model.
        digest: ``"sha256:..."`` of the weights and the card.
        description: One or two sentences on what the model is for.
        aliases: Aliases that point to this version, such as ``"champion"``.
        properties: What the model predicts.
        training_data: What it was trained on.
        n_members: Members of the ensemble.
        n_parameters_per_member: Parameters of one member.
        supported_elements: Atomic numbers.
        featurizer_version: Version of the rules that make graphs of structures.
        license: License of the weights.
        card_json: The whole card, for what has no field here.
        review_policy: The conditions under which answers of the model may be used without review.
        create_time: When this version was registered, UTC; None for a shipped model.
        base: The shared model under it; None for the shared model itself.
        conditions: Conditions that the model reads beside a structure.
        kinds: What the model answers: ``"structure"``, ``"composition"``, ``"molecule"``, ``"polymer"``.
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
    create_time: datetime | None = None
    base: BaseModel | None = None
    conditions: tuple[ConditionCard, ...] = ()
    kinds: tuple[str, ...] = ()

    @property
    def training(self) -> Mapping[str, Any]:
        """How a model of your own was made: ``seed``, ``labels_digest``, ``split``; empty for a shipped model."""
        record = json.loads(self.card_json or "{}")
        return dict(record.get("training") or {}) if "strategy" in record else {}

    def errors_by_group(self, name: str) -> Mapping[str, Mapping[str, float]]:
        """Errors of a property on held-out structures, by kind of crystal.

        Kinds that begin with ``textbook`` are of a second test part, of well-known formulas. Those that begin with
        ``textbook, out of fold`` are of training formulas, predicted by the members that never saw them.

        Args:
            name: Name of the property.

        Returns:
            ``n``, ``mae``, ``coverage`` and ``mean_interval_width`` by kind; empty if the card has none.
        """
        for entry in json.loads(self.card_json or "{}").get("properties", []):
            if entry["definition"]["name"] == name:
                return _kinds_of(entry)
        return {}


def _kinds_of(entry: Mapping[str, Any]) -> dict[str, Mapping[str, float]]:
    """Errors of all parts that a property's card states."""
    found = dict(entry.get("errors_by_group", {}))
    found |= {f"textbook: {kind}": errors for kind, errors in entry.get("textbook", {}).items()}
    for kind, errors in entry.get("out_of_fold", {}).items():
        found[f"textbook, out of fold: {kind}"] = {
            **{name: errors[name] for name in ("n", "mae", "mean_interval_width")},
            "coverage": errors["coverage_90"],
        }
    return found
