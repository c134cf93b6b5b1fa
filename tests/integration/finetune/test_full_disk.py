"""A disk that is really full, under the jobs and under their store."""

import asyncio
import time

import pytest
from service_caller import failure, reason

from epitaxy.api.finetune.v1 import finetune_pb2 as pb
from epitaxy.finetune.work import worker

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow")


async def until(is_so, seconds: float = 30.0) -> None:
    limit = time.monotonic() + seconds
    while not await is_so():
        assert time.monotonic() < limit
        await asyncio.sleep(0.05)


async def test_a_full_disk_ends_a_job_and_refuses_others_by_its_name_and_nothing_is_lost(
    start_service, new_request, small_disk, tmp_path, monkeypatch
):
    monkeypatch.setattr(worker, "_PAUSES_SECONDS", (0.1,))
    monkeypatch.setenv("SMALL_TRANSFER_GATE", str(tmp_path / "gate"))
    caller = (await start_service(folder=small_disk.folder / "state")).caller

    async def state_of(job_id):
        job = (await caller.call("GetFineTuneJob", pb.GetFineTuneJobRequest(job_id=job_id))).job
        return job.state, job.failure.reason

    begun = await caller.create(new_request("slow"))
    await until(lambda: _is(state_of(begun.id), (pb.JOB_STATE_TRAINING, "")))
    await until(lambda: _exists(small_disk.folder / "state" / "jobs" / ".reserve"))
    small_disk.fill()
    refused = await failure(caller.create(new_request(model="other")))
    assert reason(refused) == "STORAGE_FULL"
    assert "disk is full" in refused.details()
    (tmp_path / "gate").touch()
    # The store is on the same disk: the end is recorded all the same.
    await until(lambda: _is(state_of(begun.id), (pb.JOB_STATE_FAILED, "STORAGE_FULL")))
    small_disk.make_room()
    again = pb.CreateFineTuneJobRequest()
    again.CopyFrom(new_request("plain"))
    assert (await caller.finish(again)).state == pb.JOB_STATE_SUCCEEDED
    await until(lambda: _exists(small_disk.folder / "state" / "jobs" / ".reserve"))


async def _is(found, wanted):
    return await found == wanted


async def _exists(path):
    return path.exists()
