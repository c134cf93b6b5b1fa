"""The Serve configuration of the chart: read by Ray's own schema, nothing in it that Ray would ignore."""

import importlib
import warnings
from importlib.resources import files

import pytest
import yaml
from cases import SWITCHES
from pydantic import BaseModel
from rendering import CHART, PROFILES, profile, render

with warnings.catch_warnings():
    # Ray declares fields in a way that this pydantic deprecates.
    warnings.simplefilter("ignore")
    from ray.serve.schema import ServeDeploySchema

from epitaxy.gateway.settings import GatewaySettings
from epitaxy.prediction.settings import PredictionSettings
from epitaxy.stack.plan import StackPlan
from epitaxy.stack.serve_config import SERVE_ENVIRONMENT, shipped_config

CASES = [*(profile(name) for name in PROFILES), SWITCHES["serve autoscaling"], SWITCHES["prediction on gpu"]]


def config_of(values):
    [service] = [manifest for manifest in render(values) if manifest["kind"] == "RayService"]
    return yaml.safe_load(service["spec"]["serveConfigV2"])


def unknown_keys(given, model, place=""):
    """Keys that the schema does not have, at any depth: Ray ignores them without a word."""
    for key, value in given.items():
        if key not in model.model_fields:
            yield f"{place}{key}"
            continue
        inner = list(_models_in(model.model_fields[key].annotation))
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and inner:
                yield from unknown_keys(item, inner[0], f"{place}{key}.")


def _models_in(annotation):
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)


@pytest.mark.parametrize("values", CASES)
def test_ray_takes_every_key(values) -> None:
    config = config_of(values)
    ServeDeploySchema.model_validate(config)
    assert not list(unknown_keys(config, ServeDeploySchema))
    assert list(unknown_keys({"aplications": [], "http_options": {"prt": 1}}, ServeDeploySchema)) == [
        "aplications",
        "http_options.prt",
    ]


@pytest.mark.parametrize("values", CASES)
def test_the_application_is_built_from_its_arguments(values) -> None:
    [application] = config_of(values)["applications"]
    module, _, function = application["import_path"].partition(":")
    assert callable(getattr(importlib.import_module(module), function))
    settings = PredictionSettings(**application["args"])
    assert (settings.device == "cuda") == (settings.ensemble_gpus > 0)
    built = getattr(importlib.import_module(module), function)(application["args"])
    names = {"intake", "ensemble"} if settings.ensemble_replicas else {"intake"}
    assert {deployment["name"] for deployment in application.get("deployments", ())} <= names
    assert built is not None


def test_earlier_models_lie_where_the_application_looks_for_them() -> None:
    values = SWITCHES["two models by volume"]
    arguments = config_of(values)["applications"][0]["args"]
    folders = PredictionSettings(**arguments).earlier_model_folders
    [service] = [manifest for manifest in render(values) if manifest["kind"] == "RayService"]
    cluster = service["spec"]["rayClusterConfig"]
    pods = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for pod in (group["template"]["spec"] for group in pods):
        volumes = [entry for entry in pod["volumes"] if "persistentVolumeClaim" in entry]
        claims = {entry["name"]: entry["persistentVolumeClaim"]["claimName"] for entry in volumes}
        mounts = {entry["mountPath"]: entry for entry in pod["containers"][0]["volumeMounts"]}
        assert [claims[mounts[folder]["name"]] for folder in folders] == ["my-4", "my-3"]
        assert all(mounts[folder]["readOnly"] for folder in folders)


def test_the_very_same_file_starts_the_local_stack() -> None:
    own = files("epitaxy.prediction") / "serve.yaml"
    assert (CHART / "files" / "serve-config.yaml").read_text() == own.read_text(), "copy serve.yaml into the chart"
    plan = StackPlan.draw("127.0.0.1", 0)
    [application] = config_of({})["applications"]
    assert plan.application == application["import_path"]
    assert plan.application_name == application["name"] == GatewaySettings.model_fields["upstream_application"].default
    assert list(plan.servicer_functions) == config_of({})["grpc_options"]["grpc_servicer_functions"]
    assert shipped_config().route_prefix == application["route_prefix"]


def test_what_the_file_names_can_be_imported() -> None:
    for path in config_of({})["grpc_options"]["grpc_servicer_functions"]:
        module, _, function = path.rpartition(".")
        assert callable(getattr(importlib.import_module(module), function))


def test_large_numbers_stay_whole_numbers() -> None:
    [application] = config_of({"prediction": {"arguments": {"max_queued_edges": 12_345_678}}})["applications"]
    assert PredictionSettings(**application["args"]).max_queued_edges == 12_345_678


def test_a_wrong_argument_is_refused_where_it_is_read() -> None:
    [application] = config_of({"prediction": {"arguments": {"max_site": 3}}})["applications"]
    with pytest.raises(ValueError, match="max_site"):
        PredictionSettings(**application["args"])


def test_serve_runs_in_pods_as_it_does_in_the_local_stack() -> None:
    [service] = [manifest for manifest in render({}) if manifest["kind"] == "RayService"]
    cluster = service["spec"]["rayClusterConfig"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        [container] = group["template"]["spec"]["containers"]
        given = {entry["name"]: entry.get("value") for entry in container["env"]}
        assert given.items() >= SERVE_ENVIRONMENT.items()
