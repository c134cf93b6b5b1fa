"""Which index the settings choose, and what an absent server looks like."""

import socket

import numpy as np
import pytest
from pydantic import ValidationError

from epitaxy.chassis.errors import UnavailableError
from epitaxy.vectors import VectorSettings, open_vectors
from epitaxy_models.source_index import FaissIndex, SourceIndex, SourceLabels, SourceMaterials
from epitaxy_models.source_index.index import QuantisedVectors
from epitaxy_models.source_index.projection import LatentProjection


@pytest.fixture
def source() -> SourceIndex:
    random = np.random.default_rng(0)
    projection = LatentProjection(np.zeros(6, dtype=np.float32), np.eye(6, 4).astype(np.float16))
    quantised = QuantisedVectors.of(random.normal(size=(9000, 4)).astype(np.float32))
    names, groups = tuple(f"mp-{row}" for row in range(9000)), np.ones(9000, dtype=np.uint8)
    materials = SourceMaterials(names, ("ClNa",) * 9000, groups, np.arange(9000, dtype=np.uint64))
    labels = SourceLabels(("gap",), ("eV",), np.zeros((9000, 1), dtype=np.float16))
    return SourceIndex("sha256:ab", projection, quantised, materials, labels, np.ones(3, dtype=np.float32))


def test_without_a_server_the_process_searches(source: SourceIndex) -> None:
    vectors = open_vectors(VectorSettings(), source)
    assert isinstance(vectors, FaissIndex)
    assert vectors.n_vectors == source.n_materials
    rows = [0, 8191, 8192, 8999]
    found = vectors.search(source.quantised.vectors()[rows], 1)
    assert found.distances.max() < 1e-3
    assert found.ids[:, 0].tolist() == rows


def test_a_server_that_does_not_answer_is_an_error_without_its_address(source: SourceIndex) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings = VectorSettings(qdrant_url=f"http://127.0.0.1:{port}", timeout_seconds=2)
    with pytest.raises(UnavailableError, match="vector search does not answer") as caught:
        open_vectors(settings, source)
    assert str(port) not in caught.value.message


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPITAXY_VECTORS_QDRANT_URL", "http://qdrant:6333")
    monkeypatch.setenv("EPITAXY_VECTORS_QDRANT_API_KEY", "secret")
    settings = VectorSettings()
    assert settings.qdrant_url == "http://qdrant:6333"
    assert "secret" not in repr(settings)
    with pytest.raises(ValidationError, match="collection_prefix"):
        VectorSettings(collection_prefix="a/b")
