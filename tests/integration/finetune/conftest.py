"""The service on loopback, with a real sqlite store and a real MLflow registry; jobs in threads unless Ray is asked."""

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from service_caller import SECRET, Caller, Service, ThreadRunner

from epitaxy.api.common.v1.structure_pb2 import PackedStructures, StructureInput
from epitaxy.api.finetune.v1 import finetune_pb2, finetune_pb2_grpc
from epitaxy.api.models.v1 import governance_pb2_grpc
from epitaxy.finetune.server import FineTuneServer
from epitaxy.finetune.settings import FineTuneSettings
from epitaxy.registry.mlflow_registry import MlflowRegistry
from epitaxy.registry.settings import RegistrySettings
from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.structures import pack_structures

N_ROWS = 12


@pytest.fixture(scope="session")
def registry_settings(tmp_path_factory: pytest.TempPathFactory) -> RegistrySettings:
    settings = RegistrySettings(folder=tmp_path_factory.mktemp("registry"), tracking_uri="")
    MlflowRegistry(settings).list("nobody")  # makes the tables, which takes longer than any test
    return settings


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n")
    return path


@pytest.fixture
async def start_service(
    tmp_path: Path, registry_settings: RegistrySettings, secret_file: Path
) -> AsyncIterator[Callable[..., Any]]:
    async with AsyncExitStack() as stack:

        async def start(**changes: Any) -> Service:
            options: dict[str, Any] = {
                "port": 0,
                "metrics_port": 0,
                "folder": tmp_path / "state",
                "transfer": "small_transfer:build",
                "gateway_secret_file": secret_file,
                "label_roots": (f"{tmp_path.as_uri()}/labels/{{tenant}}/",),
                "reconcile_seconds": 0.1,
                "audit_check_seconds": 0.2,
                "watch_seconds": 0.02,
                "readiness_interval_seconds": 0.05,
                "shutdown_grace_seconds": 0.5,
            }
            settings = FineTuneSettings(**(options | changes))
            runner = ThreadRunner(settings, registry_settings)
            server = await stack.enter_async_context(FineTuneServer(settings, registry_settings, runner))
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(server.address))
            caller = Caller(
                finetune_pb2_grpc.FineTuneServiceStub(channel), governance_pb2_grpc.ModelGovernanceServiceStub(channel)
            )
            return Service(server, runner, caller, channel)

        yield start


@pytest.fixture
async def service(start_service: Callable[..., Any]) -> Service:
    return await start_service()


@pytest.fixture
def caller(service: Service) -> Caller:
    return service.caller


@pytest.fixture(scope="session")
def packed() -> PackedStructures:
    small = [crystal.structure for crystal in bundled_crystals() if crystal.structure.n_sites <= 8]
    block = pack_structures(small[:N_ROWS])
    return PackedStructures(
        n_sites=block.n_sites,
        lattices_angstrom=block.lattices_angstrom,
        atomic_numbers=block.atomic_numbers,
        frac_coords=block.frac_coords,
    )


@pytest.fixture
def new_request(packed: PackedStructures) -> Callable[..., finetune_pb2.CreateFineTuneJobRequest]:
    def make(
        kind: str = "plain", request_id: str = "", model: str = "my-tc", seed: int = 0, n_labels: int = N_ROWS
    ) -> finetune_pb2.CreateFineTuneJobRequest:
        values = np.where(np.arange(N_ROWS) < n_labels, np.arange(float(N_ROWS)), np.nan)
        labels = finetune_pb2.InlineLabels(
            structures=[StructureInput(id="block", packed=packed)],
            columns=[finetune_pb2.LabelValues(column="tc_k", values=values)],
        )
        spec = finetune_pb2.FineTuneSpec(
            model_name=model,
            property_name=kind,
            unit="K",
            target=finetune_pb2.LabelColumn(name="tc_k", fidelity="FIDELITY_EXPERIMENT", cost=100.0),
            seed=seed,
        )
        return finetune_pb2.CreateFineTuneJobRequest(request_id=request_id, spec=spec, inline=labels)

    return make


@pytest.fixture(scope="module")
def ray_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of a private Ray; `small_transfer` can be imported on it."""
    import os

    import ray
    from private_ray import start_ray

    before = dict(os.environ)
    os.environ |= {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "disabled",
        "PYTHONPATH": str(Path(__file__).parent),
        "SMALL_TRANSFER_GATE": str(tmp_path_factory.mktemp("gate") / "open"),
    }
    yield start_ray(4)
    ray.shutdown()
    os.environ.clear()
    os.environ |= before
