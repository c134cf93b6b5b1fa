"""The students that come with the package: they fit their weights, they are small, and they know the ensemble."""

import numpy as np
import pytest

from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.ensembles.readout import CalibratedReadout
from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.search import ENDS, CandidateColumns, load_students
from epitaxy_models.search.files import RECORD, TENSORS

_MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def artifact():
    return load_artifact(shipped_model())


@pytest.fixture(scope="module")
def students(artifact):
    return load_students(shipped_model(), artifact.weights_digest)


def test_they_are_smaller_than_a_megabyte():
    assert sum((shipped_model() / name).stat().st_size for name in (TENSORS, RECORD)) < _MEGABYTE


def test_they_know_every_served_property_and_element(students, artifact):
    names = [entry.definition.name for entry in artifact.card.properties]
    assert set(students.quantities) == {(name, end) for name in names for end in ENDS}
    common = np.flatnonzero(artifact.domain.element_counts >= 50)
    assert students.known_elements[common].all()


def test_they_say_nearly_what_the_ensemble_says(students, artifact):
    structures = [crystal.structure for crystal in bundled_crystals()[::12]]
    said = CalibratedReadout(artifact)(
        Embedder(artifact)([build_graph(one) for one in structures]), structures, coverage=0.9
    )
    scores = students.score(CandidateColumns.of_structures(structures))
    for column, entry in enumerate(artifact.card.properties):
        place = students.column(entry.definition.name)
        errors = np.abs(scores.values[:, place] - said.values[:, column]) / scores.scales[:, place]
        # Elements and other textbook crystals are not those of the calibration: the median tells.
        assert np.median(errors) < 1.5, entry.definition.name
    energy = scores.values[:, students.column("formation_energy")]
    assert np.corrcoef(energy, said.values[:, 0])[0, 1] > 0.9


def test_interval_ends_lie_around_the_value(students):
    columns = CandidateColumns.of_structures([crystal.structure for crystal in bundled_crystals()[:100]])
    values = students.score(columns).values
    for name in ("formation_energy", "band_gap", "energy_above_hull"):
        lower, value, upper = (values[:, students.column(name, end)] for end in ("lower", "value", "upper"))
        assert np.median(upper - value) > 0
        assert np.median(value - lower) >= 0
