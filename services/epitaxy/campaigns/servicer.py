"""epitaxy.campaigns.v1.CampaignService: protobuf on one side, the use cases on the other.

The use cases block, so each runs in a thread; the call's context goes with it.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from epitaxy.api.campaigns.v1 import campaigns_pb2 as pb
from epitaxy.api.campaigns.v1 import campaigns_pb2_grpc
from epitaxy.campaigns import messages
from epitaxy.campaigns.answers import (
    batch_message,
    campaign_message,
    candidate_outcomes,
    event_message,
    outcome_message,
)
from epitaxy.campaigns.campaigns import Campaigns
from epitaxy.campaigns.domain.record import CampaignState
from epitaxy.campaigns.exporting import Exporting
from epitaxy.campaigns.ports import Cursor
from epitaxy.campaigns.promoting import Promoting
from epitaxy.campaigns.recommending import Recommending
from epitaxy.campaigns.reporting import Reporting
from epitaxy.chassis.errors import UnavailableError
from epitaxy.chassis.page_tokens import page_size, read_place, write_place
from epitaxy.chassis.request_context import current_request

EXPORT_CHUNK_BYTES = 2**20
_T = TypeVar("_T")


class CampaignServicer(campaigns_pb2_grpc.CampaignServiceServicer):
    """All methods of the service.

    Args:
        campaigns: The use cases.
        recommending: The use case of a batch.
        reporting: The use cases of results.
        exporting: The use case of a record.
        promoting: The use case of a model.
        rounds_at_once: Batches that are chosen at once.
        watch_seconds: Pause between two looks at a watched campaign, seconds.
    """

    def __init__(
        self,
        campaigns: Campaigns,
        recommending: Recommending,
        reporting: Reporting,
        exporting: Exporting,
        promoting: Promoting,
        rounds_at_once: int,
        watch_seconds: float,
    ) -> None:
        self._campaigns, self._recommending, self._reporting = campaigns, recommending, reporting
        self._exporting, self._promoting = exporting, promoting
        # Threads of their own: a long round must not keep others from reporting.
        self._rounds = ThreadPoolExecutor(rounds_at_once, "round")
        self._watch_seconds = watch_seconds
        self._is_draining = False

    def drain(self) -> None:
        """Ends open watches, and rounds that have not begun."""
        self._is_draining = True
        self._rounds.shutdown(wait=False, cancel_futures=True)

    async def CreateCampaign(self, request: pb.CreateCampaignRequest, context: Any) -> pb.CreateCampaignResponse:  # noqa: N802  # the RPC's name, as all below
        """Creates a campaign."""
        key, spec = messages.request_key(request), messages.spec_of(request.spec)
        view = await asyncio.to_thread(self._campaigns.create, _tenant(), spec, messages.file_of(request), key)
        return pb.CreateCampaignResponse(campaign=campaign_message(view))

    async def AddCandidates(self, request: pb.AddCandidatesRequest, context: Any) -> pb.AddCandidatesResponse:  # noqa: N802
        """Adds candidates."""

        def add() -> pb.AddCandidatesResponse:
            candidates = [messages.candidate_of(entry) for entry in request.candidates]
            added, record = self._campaigns.add_candidates(
                tenant, request.name, candidates, messages.request_key(request), is_last=request.is_last
            )
            n_candidates = record.n_rows - record.n_outside
            return pb.AddCandidatesResponse(outcomes=candidate_outcomes(added.refused), n_candidates=n_candidates)

        tenant = _tenant()
        return await asyncio.to_thread(add)

    async def ExcludeCandidates(  # noqa: N802
        self, request: pb.ExcludeCandidatesRequest, context: Any
    ) -> pb.ExcludeCandidatesResponse:
        """Takes candidates out of the choice, or puts them back."""
        tenant, key = _tenant(), messages.request_key(request)
        excluded, view = await asyncio.to_thread(
            lambda: self._campaigns.exclude(
                tenant, request.name, request.ids, request.reason, key, is_undone=request.is_undone
            )
        )
        message = await asyncio.to_thread(campaign_message, view)
        return pb.ExcludeCandidatesResponse(unknown_ids=excluded.unknown_ids, campaign=message)

    async def GetCampaign(self, request: pb.GetCampaignRequest, context: Any) -> pb.GetCampaignResponse:  # noqa: N802
        """One campaign."""
        tenant = _tenant()
        message = await asyncio.to_thread(lambda: campaign_message(self._campaigns.get(tenant, request.name)))
        return pb.GetCampaignResponse(campaign=message)

    async def ListCampaigns(self, request: pb.ListCampaignsRequest, context: Any) -> pb.ListCampaignsResponse:  # noqa: N802
        """A page of campaigns."""
        size, place = page_size(request.page_size), read_place(request.page_token)
        after = None if place is None else Cursor(*place)
        # One more than asked for tells whether another page follows.
        found = await asyncio.to_thread(self._campaigns.page, _tenant(), size + 1, after)
        shown = found[:size]
        token = write_place(shown[-1][1].created_at, shown[-1][1].id) if len(found) > size else ""
        shown_messages = await asyncio.to_thread(lambda: [campaign_message(view) for view, _ in shown])
        return pb.ListCampaignsResponse(campaigns=shown_messages, next_page_token=token)

    async def Recommend(self, request: pb.RecommendRequest, context: Any) -> pb.RecommendResponse:  # noqa: N802
        """The next batch."""
        tenant, key = _tenant(), messages.request_key(request)

        def recommend() -> pb.RecommendResponse:
            book = self._campaigns.shelf.find(tenant, request.name)
            batch, _ = self._recommending.recommend(book, request.batch_size, request.worker[:128], key)
            return batch_message(batch)

        return await self._in_round(recommend)

    async def ReportResults(self, request: pb.ReportResultsRequest, context: Any) -> pb.ReportResultsResponse:  # noqa: N802
        """Takes results in."""
        tenant = _tenant()

        def report() -> pb.ReportResultsResponse:
            samples = [messages.sample_of(entry) for entry in request.results]
            reported, book = self._reporting.report(tenant, request.name, samples, messages.request_key(request))
            outcomes = [outcome_message(told) for told in reported.told]
            view = self._campaigns.view(book, is_brief=True)
            return pb.ReportResultsResponse(outcomes=outcomes, campaign=campaign_message(view))

        return await asyncio.to_thread(report)

    async def CorrectResults(self, request: pb.CorrectResultsRequest, context: Any) -> pb.CorrectResultsResponse:  # noqa: N802
        """Retracts or replaces results."""
        tenant = _tenant()

        def correct() -> pb.CorrectResultsResponse:
            corrections = [messages.correction_of(entry) for entry in request.corrections]
            corrected, book = self._reporting.correct(tenant, request.name, corrections, messages.request_key(request))
            view = self._campaigns.view(book, is_brief=True)
            outcomes = [outcome_message(told) for told in corrected.told]
            return pb.CorrectResultsResponse(outcomes=outcomes, campaign=campaign_message(view))

        return await asyncio.to_thread(correct)

    async def ReleaseTickets(self, request: pb.ReleaseTicketsRequest, context: Any) -> pb.ReleaseTicketsResponse:  # noqa: N802
        """Gives tickets back."""
        key = messages.request_key(request)
        released = await asyncio.to_thread(self._campaigns.release, _tenant(), request.name, request.tickets, key)
        return pb.ReleaseTicketsResponse(released=released.tickets, ignored=released.ignored)

    async def ChangeObjectives(  # noqa: N802
        self, request: pb.ChangeObjectivesRequest, context: Any
    ) -> pb.ChangeObjectivesResponse:
        """Replaces objectives and constraints."""
        aims = messages.objectives_of(request.objectives), messages.constraints_of(request.constraints)
        message = await self._changed(
            lambda tenant: self._campaigns.change_objectives(tenant, request.name, *aims, messages.request_key(request))
        )
        return pb.ChangeObjectivesResponse(campaign=message)

    async def WatchCampaign(  # noqa: N802
        self, request: pb.WatchCampaignRequest, context: Any
    ) -> AsyncGenerator[pb.WatchCampaignResponse, None]:
        """Entries of the log until the campaign is closed, and how far its pool has come."""
        after, told = request.after_sequence, None
        while True:
            events, view = await asyncio.to_thread(self._campaigns.events, _tenant(), request.name, after)
            message = await asyncio.to_thread(campaign_message, view)
            for event in events:
                after = event.sequence
                yield pb.WatchCampaignResponse(event=event_message(event), campaign=message)
            if events:
                continue
            if view.record.state is CampaignState.CLOSED:
                return
            if message.pool != told and view.progress is not None:
                told = message.pool
                yield pb.WatchCampaignResponse(campaign=message)
            if self._is_draining:
                raise UnavailableError("this server is shutting down: watch again", reason="DRAINING")
            await asyncio.sleep(self._watch_seconds)

    async def PauseCampaign(self, request: pb.PauseCampaignRequest, context: Any) -> pb.PauseCampaignResponse:  # noqa: N802
        """Stops recommending."""
        key = messages.request_key(request)
        message = await self._changed(lambda tenant: self._campaigns.pause(tenant, request.name, key))
        return pb.PauseCampaignResponse(campaign=message)

    async def ResumeCampaign(self, request: pb.ResumeCampaignRequest, context: Any) -> pb.ResumeCampaignResponse:  # noqa: N802
        """Goes on."""
        key = messages.request_key(request)
        message = await self._changed(lambda tenant: self._campaigns.resume(tenant, request.name, key))
        return pb.ResumeCampaignResponse(campaign=message)

    async def CloseCampaign(self, request: pb.CloseCampaignRequest, context: Any) -> pb.CloseCampaignResponse:  # noqa: N802
        """Ends a campaign."""
        key = messages.request_key(request)
        message = await self._changed(lambda tenant: self._campaigns.close(tenant, request.name, key))
        return pb.CloseCampaignResponse(campaign=message)

    async def ExportCampaign(  # noqa: N802
        self, request: pb.ExportCampaignRequest, context: Any
    ) -> AsyncGenerator[pb.ExportCampaignResponse, None]:
        """The whole record in pieces."""
        is_html = messages.is_html(request.format)
        tenant = _tenant()
        content = await self._in_round(lambda: self._exporting.export(tenant, request.name, is_html=is_html))
        for start in range(0, max(1, len(content)), EXPORT_CHUNK_BYTES):
            chunk = content[start : start + EXPORT_CHUNK_BYTES]
            yield pb.ExportCampaignResponse(chunk=chunk, total_bytes=len(content))

    async def DeleteCampaign(self, request: pb.DeleteCampaignRequest, context: Any) -> pb.DeleteCampaignResponse:  # noqa: N802
        """Removes a campaign."""
        tenant = _tenant()
        await asyncio.to_thread(lambda: self._campaigns.delete(tenant, request.name, confirm=request.confirm))
        return pb.DeleteCampaignResponse()

    async def PromoteCampaign(self, request: pb.PromoteCampaignRequest, context: Any) -> pb.PromoteCampaignResponse:  # noqa: N802
        """Starts a fine-tune job on the results."""
        key = messages.request_key(request)
        promoted = await asyncio.to_thread(
            self._promoting.promote, _tenant(), request.name, request.property, request.model_name, key
        )
        return pb.PromoteCampaignResponse(job_id=promoted.job_id, model_name=promoted.model_name)

    async def _changed(self, change: Callable[[str], Any]) -> pb.Campaign:
        tenant = _tenant()
        return await asyncio.to_thread(lambda: campaign_message(change(tenant)))

    async def _in_round(self, work: Callable[[], _T]) -> _T:
        context = copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._rounds, lambda: context.run(work))


def _tenant() -> str:
    return current_request().tenant
