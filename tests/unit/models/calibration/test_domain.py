"""Distance to the training data: percentiles of held-out structures, and elements hardly seen."""

import numpy as np
import pytest
from numpy.typing import NDArray

from epitaxy_models.calibration.domain import DomainModel, DomainVerdict

WIDTH = 12
SILICON, OXYGEN, POLONIUM, GOLD = 14, 8, 84, 79


def _embeddings(seed: int, n: int) -> NDArray[np.float32]:
    """Correlated normal embeddings with channels of very different size."""
    sizes = np.geomspace(0.01, 10, WIDTH)
    mixing, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(WIDTH, WIDTH)))
    points = np.random.default_rng(seed).normal(size=(n, WIDTH)) * sizes @ mixing
    shifted: NDArray[np.float32] = (points + 3).astype(np.float32)
    return shifted


@pytest.fixture(scope="module")
def domain() -> DomainModel:
    counts = np.full(119, 500)
    counts[[POLONIUM, GOLD]] = 0, 19
    return DomainModel.fit(_embeddings(1, 4000), _embeddings(2, 2000), counts, n_directions=WIDTH)


def test_held_out_structures_score_evenly(domain: DomainModel) -> None:
    scores = domain.scores(_embeddings(3, 4000))
    assert np.quantile(scores, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.04)
    assert scores.min() >= 0
    assert scores.max() <= 1


def test_structure_far_in_a_direction_of_small_spread_is_foreign(domain: DomainModel) -> None:
    narrow = domain.directions[:, np.argmax(np.linalg.norm(domain.directions, axis=0))]
    step = 0.2 * narrow / np.linalg.norm(narrow)
    assert domain.scores((domain.centre + step)[None])[0] > 0.99
    wide = domain.directions[:, np.argmin(np.linalg.norm(domain.directions, axis=0))]
    assert domain.scores((domain.centre + 0.2 * wide / np.linalg.norm(wide))[None])[0] < 0.5


def test_score_grows_with_distance(domain: DomainModel) -> None:
    away = _embeddings(4, 1) - domain.centre
    scores = domain.scores(domain.centre + np.linspace(0, 4, 30, dtype=np.float32)[:, None] * away)
    assert (np.diff(scores) >= 0).all()
    assert (scores[0], scores[-1]) == (0, 1)


@pytest.mark.parametrize(
    ("score", "verdict"),
    [
        (0.0, DomainVerdict.IN_DOMAIN),
        (0.949, DomainVerdict.IN_DOMAIN),
        (0.95, DomainVerdict.BORDERLINE),
        (0.989, DomainVerdict.BORDERLINE),
        (0.99, DomainVerdict.OUT_OF_DOMAIN),
        (1.0, DomainVerdict.OUT_OF_DOMAIN),
    ],
)
def test_verdict_follows_the_score(domain: DomainModel, score: float, verdict: DomainVerdict) -> None:
    judged = domain.judge(score, np.array([SILICON, OXYGEN, OXYGEN], np.uint8))
    assert (judged.score, judged.verdict) == (score, verdict)
    assert bool(judged.reason) == (verdict is not DomainVerdict.IN_DOMAIN)
    if judged.reason:
        assert f"{100 * score:.1f} %" in judged.reason


def test_element_hardly_seen_is_out_of_domain_at_any_score(domain: DomainModel) -> None:
    judged = domain.judge(0.1, np.array([OXYGEN, POLONIUM, GOLD, GOLD], np.uint8))
    assert judged.verdict is DomainVerdict.OUT_OF_DOMAIN
    assert judged.reason == "element hardly seen in training: Au (in 19), Po (in 0)"


def test_more_directions_than_structures_are_cut() -> None:
    domain = DomainModel.fit(_embeddings(1, 5), _embeddings(2, 5), np.full(119, 500))
    assert domain.directions.shape == (WIDTH, 5)
    assert np.isfinite(domain.scores(_embeddings(3, 4))).all()
