"""The quick look at many structures says IN_DOMAIN only of those of which the judgement of each says it."""

import numpy as np

from epitaxy_models.calibration.verdict import DomainVerdict
from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.testing.equivalent_cells import scaled


def test_usual_structures_are_those_that_are_judged_in_domain() -> None:
    artifact = load_artifact(shipped_model())
    found = [crystal.structure for crystal in bundled_crystals()][::12]
    structures = [*found, *(scaled(one, 0.85) for one in found[:10]), *(scaled(one, 1.3) for one in found[:10])]
    features = artifact.geometry.features(structures)
    verdicts = [artifact.geometry.judge(row, one)[0] for row, one in zip(features, structures, strict=True)]
    expected = [verdict is DomainVerdict.IN_DOMAIN for verdict in verdicts]
    assert artifact.geometry.are_usual(features).tolist() == expected
    assert 10 < sum(expected) < len(expected) - 10

    scores, views = np.linspace(0, 1, len(structures)), np.full(3, 0.5)
    atoms = [one.atomic_numbers for one in structures]
    atoms[0] = np.array([87, 8], dtype=np.uint8)
    judged = [artifact.domain.judge(float(s), views, z).verdict for s, z in zip(scores, atoms, strict=True)]
    expected = [verdict is DomainVerdict.IN_DOMAIN for verdict in judged]
    assert artifact.domain.are_usual(scores, atoms).tolist() == expected
    assert not expected[0]
    assert 10 < sum(expected) < len(expected)
