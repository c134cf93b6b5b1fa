"""An application that could not start is not built, so that Serve leaves the running one alone."""

import shutil
import warnings

import pytest

from epitaxy_models.ensembles.artifact import shipped_model
from epitaxy_models.errors import CheckpointError, ConfigurationError


@pytest.fixture(scope="module")
def build_application():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray Serve's own, at its import
        from epitaxy.prediction.app import build_application
    return build_application


@pytest.fixture
def copied(tmp_path):
    return shutil.copytree(shipped_model(), tmp_path / "model")


def test_what_replicas_can_load_is_built(build_application, copied):
    build_application({"model_folder": str(copied)})


def test_a_substrate_that_does_not_load_is_not_rolled_out(build_application, copied, tmp_path):
    with pytest.raises(CheckpointError, match="holds no readable model"):
        build_application({"model_folder": str(tmp_path / "nowhere")})
    weights = max(copied.glob("*.safetensors"), key=lambda path: path.stat().st_size)
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(CheckpointError, match=r"."):
        build_application({"model_folder": str(copied)})


@pytest.mark.parametrize("name", ["review_policy_file", "gateway_secret_file"])
def test_a_configuration_that_names_a_file_that_is_not_there_is_not_rolled_out(build_application, tmp_path, name):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        build_application({name: str(tmp_path / "nowhere")})


def test_substrates_of_other_materials_count_too(build_application, tmp_path):
    with pytest.raises(CheckpointError, match=r"."):
        build_application({"molecule_model_folder": str(tmp_path / "nowhere")})
