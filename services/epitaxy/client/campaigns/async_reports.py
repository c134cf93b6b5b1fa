"""Batches and results: the part of the client that a lab calls day by day."""

from collections.abc import Mapping, Sequence
from typing import Any

from epitaxy.api.campaigns.v1 import campaigns_pb2
from epitaxy.client.async_transport import run_blocking
from epitaxy.client.campaigns import reading
from epitaxy.client.campaigns.async_standing import AsyncCampaignStanding
from epitaxy.client.campaigns.result_rows import MAX_RESULTS, ResultColumns, ResultRow
from epitaxy.client.campaigns.results import Batch, Release, ResultOutcome, ResultReport
from epitaxy.client.connection import new_request_id
from epitaxy.client.defaults import STRUCTURE_COLUMN
from epitaxy.client.finetune.columns import LabelCondition, conditions_of
from epitaxy.client.inputs.material_columns import MaterialColumn


class AsyncCampaignReports(AsyncCampaignStanding):
    """Asks what to measure next, and tells what was measured."""

    async def recommend(self, name: str, batch: int = 0, *, worker: str = "", request_id: str = "") -> Batch:
        """Returns the next batch to measure. Each candidate is pending until it is reported, released, or expires.

        Args:
            name: Name of the campaign.
            batch: Candidates wanted (default: the campaign's own number). The budget may cut it; ``notes`` say so.
            worker: Who measures, for the record.
            request_id: Makes the call safe to repeat: the same id returns the same batch.

        Raises:
            NotFoundError: There is no such campaign.
            InvalidRequestError: The pool is not ready, the budget is used up, no candidate is left, or the campaign
                is paused or closed; ``reason`` says which.
        """
        request = campaigns_pb2.RecommendRequest(
            name=name, request_id=request_id or new_request_id(), batch_size=batch, worker=worker
        )
        return reading.read_batch(await self._calls.repeat(self._stub.Recommend, request))

    async def report_results(
        self,
        name: str,
        data: Any,
        *,
        columns: Mapping[str, str] | None = None,
        unit: str = "",
        structure_column: str | MaterialColumn = STRUCTURE_COLUMN,
        id_column: str | None = None,
        conditions: Sequence[LabelCondition | str] = (),
        request_id: str = "",
    ) -> ResultReport:
        """Tells a campaign what was measured, failed or abandoned. What was reported before counts once.

        Args:
            name: Name of the campaign.
            data: A data frame, rows as dicts, a dict of columns, or the path of a table. Columns: ``ticket`` or an id;
                one for each property, named as it; optional ``PROPERTY_std`` (or ``std`` with one objective),
                ``status`` (``measured``, ``failed``, ``abandoned``), ``measurement_id`` for repeats, ``unit``,
                ``note``, and the structure of a sample outside of the pool. A row without values and status is left
                out: it is not measured yet.
            columns: Column by property, for those that are not named as the property.
            unit: Unit of all values; the server refuses another one than the objective's.
            structure_column: Column of the structures, or where other materials are.
            id_column: Column of the ids (default: ``id``, ``material_id`` and the like).
            conditions: Columns of conditions of samples outside of the pool; those of a candidate are its own.
            request_id: Makes the call safe to repeat.

        Raises:
            NotFoundError: There is no such campaign.
            InvalidRequestError: The table cannot be read, or the campaign is closed.
        """
        campaign, under = await self.get(name), conditions_of(conditions)
        asked = ResultColumns(campaign.objectives, columns or {}, unit, structure_column, id_column, under)
        rows, refused, n_empty = (await run_blocking(asked.read, data)).read()
        return await self._report(name, rows, refused, n_empty, request_id or new_request_id())

    async def correct(
        self,
        name: str,
        data: Any,
        *,
        columns: Mapping[str, str] | None = None,
        unit: str = "",
        id_column: str | None = None,
        request_id: str = "",
    ) -> ResultReport:
        """Replaces results that were reported, or retracts them. The log keeps both.

        Args:
            name: Name of the campaign.
            data: As in ``report_results``; the status ``retracted`` takes a result back, and a column ``reason`` says
                why for the record.
            columns: As in ``report_results``.
            unit: As in ``report_results``.
            id_column: As in ``report_results``.
            request_id: Makes the call safe to repeat.

        Raises:
            NotFoundError: There is no such campaign.
            InvalidRequestError: The table cannot be read, or the campaign is closed.
        """
        campaign = await self.get(name)
        asked = ResultColumns(campaign.objectives, columns or {}, unit, id=id_column)
        rows, refused, n_empty = (await run_blocking(asked.read, data)).read()
        request_id = request_id or new_request_id()
        outcomes, after = list(refused), campaign
        for number, part in enumerate(_parts(rows)):
            request = campaigns_pb2.CorrectResultsRequest(
                name=name, request_id=f"{request_id}/{number}", corrections=[row.to_correction() for row in part]
            )
            response = await self._calls.repeat(self._stub.CorrectResults, request)
            outcomes += reading.read_outcomes(response.outcomes, [row.index for row in part])
            after = reading.read_campaign(response.campaign)
        return ResultReport(_ordered(outcomes), n_empty, after)

    async def release(self, name: str, tickets: Sequence[str] = (), *, request_id: str = "") -> Release:
        """Gives tickets back that will not be measured.

        Args:
            name: Name of the campaign.
            tickets: The tickets (default: all that are pending).
            request_id: Makes the call safe to repeat.
        """
        request = campaigns_pb2.ReleaseTicketsRequest(
            name=name, request_id=request_id or new_request_id(), tickets=tickets
        )
        response = await self._calls.repeat(self._stub.ReleaseTickets, request)
        return Release(tuple(response.released), tuple(response.ignored))

    async def _report(
        self, name: str, rows: Sequence[ResultRow], refused: Sequence[ResultOutcome], n_empty: int, request_id: str
    ) -> ResultReport:
        outcomes, campaign = [*refused], None
        for number, part in enumerate(_parts(rows)):
            request = campaigns_pb2.ReportResultsRequest(
                name=name, request_id=f"{request_id}/{number}", results=[row.result for row in part]
            )
            response = await self._calls.repeat(self._stub.ReportResults, request)
            outcomes += reading.read_outcomes(response.outcomes, [row.index for row in part])
            campaign = reading.read_campaign(response.campaign)
        return ResultReport(_ordered(outcomes), n_empty, campaign)


def _parts(rows: Sequence[ResultRow]) -> list[Sequence[ResultRow]]:
    return [rows[start : start + MAX_RESULTS] for start in range(0, len(rows), MAX_RESULTS)]


def _ordered(outcomes: Sequence[ResultOutcome]) -> tuple[ResultOutcome, ...]:
    return tuple(sorted(outcomes, key=lambda outcome: outcome.index))
