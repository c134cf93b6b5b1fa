"""Distance to the training data in three views: percentiles of held-out structures, and elements hardly seen."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from epitaxy_models.calibration.domain import DomainEvidence, DomainModel
from epitaxy_models.calibration.latent import LatentSpace
from epitaxy_models.calibration.verdict import DomainVerdict

WIDTH = 12
SILICON, OXYGEN, POLONIUM, GOLD = 14, 8, 84, 79
NEAR = np.zeros(3)


def _embeddings(seed: int, n: int) -> NDArray[np.float32]:
    """Correlated normal embeddings with channels of very different size."""
    sizes = np.geomspace(0.01, 10, WIDTH)
    mixing, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(WIDTH, WIDTH)))
    points = np.random.default_rng(seed).normal(size=(n, WIDTH)) * sizes @ mixing
    shifted: NDArray[np.float32] = (points + 3).astype(np.float32)
    return shifted


def _evidence(seed: int, n: int, *, is_perturbed: bool = False) -> DomainEvidence:
    """Perturbed structures have larger spreads, which is all that tells them apart."""
    random = np.random.default_rng(seed + 50)
    spreads = random.lognormal(3.0 if is_perturbed else 0.0, 0.5, size=(n, 4))
    return DomainEvidence(_embeddings(seed, n), spreads, random.normal((0, 1, 1), 0.1, size=(n, 3)))


@pytest.fixture(scope="module")
def domain() -> DomainModel:
    counts = np.full(119, 500)
    counts[[POLONIUM, GOLD]] = 0, 19
    parts = (_evidence(1, 3000), _evidence(5, 3000, is_perturbed=True), _evidence(2, 2000))
    return DomainModel.fit(*parts, counts, n_directions=WIDTH)


def test_held_out_structures_score_evenly(domain: DomainModel) -> None:
    found = domain.scores(_evidence(3, 4000))
    assert np.quantile(found.scores, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.04)
    for view in found.views.T:
        assert np.quantile(view, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.05)
        assert view.min() >= 0
        assert view.max() <= 1


def test_a_rounding_moves_no_score_by_more_than_a_rounding(domain: DomainModel) -> None:
    """Embeddings depend in their last digits on the batch; a counted percentile would jump by a thousandth."""
    evidence = _evidence(3, 4000)
    signs = np.random.default_rng(0).choice([-1, 1], size=evidence.embeddings.shape).astype(np.float32)
    rounded = replace(evidence, embeddings=evidence.embeddings * (1 + 1e-7 * signs))
    found, again = domain.scores(evidence), domain.scores(rounded)
    assert np.abs(found.scores - again.scores).max() < 5e-4
    assert np.abs(found.views - again.views).max() < 5e-4


@pytest.mark.parametrize("view", range(3))
def test_each_view_alone_makes_a_structure_foreign(domain: DomainModel, view: int) -> None:
    usual = _evidence(3, 200)
    narrow = domain.latent.directions[:, np.argmax(np.linalg.norm(domain.latent.directions, axis=0))]
    strange = (
        replace(usual, embeddings=usual.embeddings + 0.5 * (narrow / np.linalg.norm(narrow))),
        replace(usual, spreads=usual.spreads * 20),
        replace(usual, geometry=usual.geometry + np.array([2.0, 0, 0])),
    )[view]
    found = domain.scores(strange)
    assert np.median(found.views[:, view]) > 0.99
    assert np.median(found.scores) > 0.95
    judged = domain.judge(float(found.scores.max()), found.views[0], np.array([OXYGEN], np.uint8))
    words = ("farther from the training data", "strained, rattled or substituted", "density and contacts")
    assert words[view] in judged.reason


@pytest.mark.parametrize(("feature", "sign"), [(0, 1), (0, -1), (1, -1), (2, 1)])
def test_geometry_is_unusual_only_where_it_can_be_wrong(domain: DomainModel, feature: int, sign: int) -> None:
    usual = _evidence(3, 100)
    shift = np.zeros(3)
    shift[feature] = 2.0
    assert np.median(domain.scores(replace(usual, geometry=usual.geometry + sign * shift)).views[:, 2]) > 0.99
    if feature:
        harmless = domain.scores(replace(usual, geometry=usual.geometry - sign * shift)).views[:, 2]
        assert np.median(harmless) < 0.9


def test_distance_is_that_of_the_five_nearest_anchors() -> None:
    latent = LatentSpace.fit(_embeddings(1, 400), WIDTH)
    points = latent.project(_embeddings(2, 30))
    away = np.linalg.norm(points[:, None] - latent.anchors.astype(np.float32)[None], axis=2)
    expected = np.sqrt(np.mean(np.sort(away, axis=1)[:, :5] ** 2, axis=1))
    np.testing.assert_allclose(latent.distances(points), expected, rtol=1e-3)


def test_a_training_structure_is_not_its_own_neighbour() -> None:
    latent = LatentSpace.fit(_embeddings(1, 400), WIDTH)
    points = latent.project(_embeddings(1, 400))
    away = np.linalg.norm(points[:, None] - latent.anchors.astype(np.float32)[None], axis=2)
    expected = np.sqrt(np.mean(np.sort(away, axis=1)[:, 1:6] ** 2, axis=1))
    np.testing.assert_allclose(latent.distances(points, n_skipped=1), expected, rtol=1e-2)


def test_training_embeddings_have_unit_variance_in_the_directions() -> None:
    latent = LatentSpace.fit(_embeddings(1, 4000), WIDTH)
    np.testing.assert_allclose(np.cov(latent.project(_embeddings(1, 4000)).T), np.eye(WIDTH), atol=2e-3)


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
    judged = domain.judge(score, np.array([0.3, 0.97, 0.5]), np.array([SILICON, OXYGEN, OXYGEN], np.uint8))
    assert (judged.score, judged.verdict) == (score, verdict)
    assert bool(judged.reason) == (verdict is not DomainVerdict.IN_DOMAIN)
    if judged.reason:
        assert "than 97.0 % of held-out" in judged.reason


def test_element_hardly_seen_is_out_of_domain_at_any_score(domain: DomainModel) -> None:
    judged = domain.judge(0.1, NEAR, np.array([OXYGEN, POLONIUM, GOLD, GOLD], np.uint8))
    assert judged.verdict is DomainVerdict.OUT_OF_DOMAIN
    assert judged.reason == "element hardly seen in training: Au (in 19), Po (in 0)"


def test_the_same_evidence_gives_the_same_domain(domain: DomainModel) -> None:
    parts = (_evidence(1, 3000), _evidence(5, 3000, is_perturbed=True), _evidence(2, 2000))
    again = DomainModel.fit(*parts, domain.element_counts, n_directions=WIDTH)
    for name, value in domain.tensors().items():
        np.testing.assert_array_equal(again.tensors()[name], value)


def test_domain_is_rebuilt_from_its_tensors(domain: DomainModel) -> None:
    rebuilt = DomainModel.from_tensors(domain.tensors())
    evidence = _evidence(9, 20)
    np.testing.assert_array_equal(rebuilt.scores(evidence).scores, domain.scores(evidence).scores)
    lacking = {name: value for name, value in domain.tensors().items() if name != "probe.hidden"}
    with pytest.raises(KeyError, match=r"probe\.hidden"):
        DomainModel.from_tensors(lacking)


def test_more_directions_than_structures_are_cut() -> None:
    latent = LatentSpace.fit(_embeddings(1, 5), 64)
    assert latent.directions.shape == (WIDTH, 5)
    assert np.isfinite(latent.distances(latent.project(_embeddings(3, 4)))).all()


def test_no_structures_have_no_scores(domain: DomainModel) -> None:
    assert domain.scores(_evidence(1, 0)).scores.shape == (0,)
