# ruff: noqa: E402  # what is absent has to be so before anything is imported
"""Takes a job in as the image of the API does, without what its dependencies leave out; prints what became of it."""

import asyncio
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path

# Of the extras prediction, models and training, and not of finetune-api.
ABSENT = ("torch", "torch_geometric", "numba", "sklearn", "faiss", "spglib", "safetensors", "redis", "lz4")


class Absent(MetaPathFinder):
    def find_spec(self, name: str, *_: object) -> None:
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Absent())

import grpc

from epitaxy.api.common.v1.structure_pb2 import PackedStructures, StructureInput
from epitaxy.api.finetune.v1 import finetune_pb2 as pb
from epitaxy.api.finetune.v1 import finetune_pb2_grpc
from epitaxy.chassis.errors import UnavailableError
from epitaxy.finetune.__main__ import main as command
from epitaxy.finetune.server import FineTuneServer
from epitaxy.finetune.settings import FineTuneSettings
from epitaxy.finetune.work.ray_runner import RayJobRunner
from epitaxy.registry.settings import RegistrySettings
from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.structures import pack_structures


class NoCluster(RayJobRunner):
    def _connect(self) -> None:
        raise UnavailableError("there is no cluster here")


async def take_a_job_in(settings: FineTuneSettings, registry: RegistrySettings) -> None:
    block = pack_structures([crystal.structure for crystal in bundled_crystals()[:12]])
    packed = PackedStructures(
        n_sites=block.n_sites,
        lattices_angstrom=block.lattices_angstrom,
        atomic_numbers=block.atomic_numbers,
        frac_coords=block.frac_coords,
    )
    target = pb.LabelColumn(name="tc_k", fidelity="FIDELITY_EXPERIMENT")
    request = pb.CreateFineTuneJobRequest(
        spec=pb.FineTuneSpec(model_name="my-tc", property_name="critical_temperature", unit="K", target=target),
        inline=pb.InlineLabels(
            structures=[StructureInput(id="block", packed=packed)],
            columns=[pb.LabelValues(column="tc_k", values=range(12))],
        ),
    )
    async with (
        FineTuneServer(settings, registry, NoCluster(settings, registry)) as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        job = (
            await finetune_pb2_grpc.FineTuneServiceStub(channel).CreateFineTuneJob(
                request, timeout=30, metadata=[("x-tenant", "acme")]
            )
        ).job
    sys.stdout.write(f"{job.n_labels} {pb.JobState.Name(job.state)}\n")


if __name__ == "__main__":
    home = Path(sys.argv[1])
    settings = FineTuneSettings(folder=home / "finetune", port=0, metrics_port=0)
    asyncio.run(take_a_job_in(settings, RegistrySettings(folder=home / "registry", tracking_uri="")))
    sys.exit(command(["migrate"]))
