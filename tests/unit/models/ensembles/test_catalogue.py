"""Substrates at hand are found by the digest of their weights, and read no sooner than that."""

import json
import shutil

import pytest

from epitaxy_models.ensembles.artifact import CARD, load_artifact, shipped_model
from epitaxy_models.ensembles.catalogue import SubstrateCatalogue, shipped_models
from epitaxy_models.errors import CheckpointError, ConfigurationError
from epitaxy_models.testing.substrates import write_later_substrate
from epitaxy_models.training.retire import retire


@pytest.fixture(scope="module")
def later(tmp_path_factory):
    return write_later_substrate(tmp_path_factory.mktemp("later") / "substrate", "1000")


def test_what_is_shipped_is_named_by_its_card_and_whole():
    present, *earlier = shipped_models()
    assert present == shipped_model()
    assert earlier, "models of tenants stand on earlier versions"
    for folder in earlier:
        artifact = load_artifact(folder)
        assert folder.name == f"{artifact.card.name}-{artifact.card.version}"
        assert int(artifact.card.version) <= int(load_artifact(present).card.version)
        assert {path.name for path in folder.iterdir()} == {"card.json", "weights.safetensors"}, "no source index"


def test_an_earlier_substrate_is_found_by_digest_and_by_version(later):
    current, shipped = load_artifact(later), load_artifact(shipped_model())
    catalogue = SubstrateCatalogue(current, [shipped_model()])
    assert catalogue.earlier == (shipped.label,)
    assert catalogue.of_digest(current.weights_digest) is current
    found = catalogue.require(shipped.weights_digest)
    assert (found.digest, found.label) == (shipped.digest, shipped.label)
    assert catalogue.of_version(shipped.card.name, shipped.card.version) is found
    assert catalogue.folder_of(found) == shipped_model()
    assert catalogue.of_version(shipped.card.name, "77") is None
    with pytest.raises(CheckpointError, match="fitted on substrate-mp 3, which this server does not have") as refused:
        catalogue.require("sha256:lost", "substrate-mp 3")
    assert refused.value.reason == "WRONG_BASE"


def test_weights_are_not_read_before_somebody_asks(later, tmp_path):
    card = json.loads((shipped_model() / CARD).read_text()) | {"version": "2"}
    (tmp_path / CARD).write_text(json.dumps(card))
    catalogue = SubstrateCatalogue(load_artifact(later), [tmp_path])
    assert catalogue.earlier == ("substrate-mp:2",)
    with pytest.raises(CheckpointError, match="holds no readable model"):
        catalogue.of_version("substrate-mp", "2")
    (tmp_path / CARD).write_text("{")
    with pytest.raises(CheckpointError, match="holds no readable card"):
        SubstrateCatalogue(load_artifact(later), [tmp_path])


def test_a_substrate_is_retired_under_its_version_and_never_over_another(later, tmp_path):
    folder = tmp_path / "substrate"
    shutil.copytree(later, folder)
    kept = retire(folder)
    assert kept == tmp_path / "substrate-1000"
    assert load_artifact(kept).digest == load_artifact(folder).digest
    assert retire(folder) == kept
    shutil.rmtree(folder)
    write_later_substrate(folder, "1000", source=later)
    with pytest.raises(ConfigurationError, match="holds other weights"):
        retire(folder)
