import json

import numpy as np
import pytest

from epitaxy_models.errors import CheckpointError, ConfigurationError
from epitaxy_models.transfer.labels.target import TargetTransform, TransformKind

RANDOM = np.random.default_rng(0)
SKEWED = np.exp(RANDOM.normal(3, 1, size=60))
SYMMETRIC = RANDOM.normal(20, 2, size=60)


@pytest.mark.parametrize("kind", ["none", "log10", "log1p"])
def test_inverse_undoes_forward(kind: str) -> None:
    transform = TargetTransform.fit(kind, SKEWED)
    np.testing.assert_allclose(transform.inverse(transform.forward(SKEWED)), SKEWED, rtol=1e-12)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (SKEWED, TransformKind.LOG10),
        (SYMMETRIC, TransformKind.NONE),
        (SYMMETRIC - 40, TransformKind.NONE),
        (np.append(SKEWED, 0.0), TransformKind.NONE),
        (np.full(30, 4.0), TransformKind.NONE),
        (np.array([1.0, 1000.0]), TransformKind.NONE),
    ],
    ids=["skewed", "symmetric", "negative", "with a zero", "constant", "two labels"],
)
def test_auto_takes_logarithms_of_positive_skewed_labels_only(labels: np.ndarray, expected: TransformKind) -> None:
    assert TargetTransform.fit("auto", labels).kind is expected


def test_auto_leaves_labels_with_a_long_tail_towards_zero_as_they_are() -> None:
    assert TargetTransform.fit("auto", 1 - SKEWED / SKEWED.max() + 1e-6).kind is TransformKind.NONE


def test_labels_that_pile_up_at_zero_are_never_predicted_below() -> None:
    transform = TargetTransform.fit("none", np.array([0.0, 0.0, 1.2, 3.0]))
    np.testing.assert_array_equal(transform.inverse(np.array([-0.3, 0.0, 2.0])), [0.0, 0.0, 2.0])


@pytest.mark.parametrize("labels", [[0.0, 1.2, 3.0], [0.0, 0.0, -1.0]], ids=["one zero", "negative ones too"])
def test_zero_is_no_floor_without_a_pile_of_labels_there(labels: list[float]) -> None:
    assert TargetTransform.fit("none", np.array(labels)).floor is None


def test_inverse_of_a_wild_extrapolation_is_finite() -> None:
    for kind in ("log10", "log1p"):
        assert np.isfinite(TargetTransform.fit(kind, SKEWED).inverse(np.array([-1e6, 1e6]))).all()


@pytest.mark.parametrize(
    ("kind", "labels", "message"),
    [
        ("log10", [1.0, 0.0, 2.0, -3.0], r"rows 1, 3 are not positive.*choose log1p"),
        ("log1p", [1.0, -1.0], r"rows 1 are at or below -1.*choose none or auto"),
        ("none", [1.0, np.nan, np.inf], r"rows 1, 2 are no finite numbers: leave these rows out"),
        ("auto", [np.nan] * 9, r"rows 0, 1, 2, 3, 4, \.\.\. are no finite"),
        ("auto", [], r"shape \[0\]: give one number a row"),
        ("sqrt", [1.0], "no transform 'sqrt': choose one of auto, none, log10, log1p"),
    ],
)
def test_impossible_labels_are_refused_with_rows_and_remedy(kind: str, labels: list[float], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        TargetTransform.fit(kind, np.array(labels))


def test_labels_that_come_later_are_checked_too() -> None:
    with pytest.raises(ConfigurationError, match="rows 0 are not positive"):
        TargetTransform.fit("log10", SKEWED).forward(np.array([0.0]))


@pytest.mark.parametrize("transform", [TargetTransform(TransformKind.LOG1P, 0.0), TargetTransform(TransformKind.NONE)])
def test_json_round_trip(transform: TargetTransform) -> None:
    assert TargetTransform.from_json(json.loads(json.dumps(transform.as_json()))) == transform


@pytest.mark.parametrize("record", [{}, {"kind": "auto", "floor": None}, {"kind": "log2", "floor": None}])
def test_a_damaged_record_is_refused(record: dict[str, object]) -> None:
    with pytest.raises(CheckpointError, match="describes no target transform"):
        TargetTransform.from_json(record)


def test_one_label_that_is_not_positive_does_not_cost_the_others_their_logarithms() -> None:
    for odd in (0.0, -SKEWED[3]):
        labels = np.append(SKEWED, odd)
        transform = TargetTransform.fit_withstanding("auto", labels)
        assert transform.kind is TransformKind.LOG10
        np.testing.assert_allclose(transform.forward(labels)[-1], np.log10(SKEWED.min() / 10))
        assert TargetTransform.from_json(json.loads(json.dumps(transform.as_json()))) == transform
    for labels in (np.append(SYMMETRIC, 0.0), np.append(SKEWED, [0.0, -1.0]), np.append(SKEWED[:15], 0.0)):
        assert TargetTransform.fit_withstanding("auto", labels).kind is TransformKind.NONE
    with pytest.raises(ConfigurationError, match="not positive"):
        TargetTransform.fit_withstanding("log10", np.append(SKEWED, 0.0))
