"""The tenant's campaigns: ``client.campaigns``."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from epitaxy.api.campaigns.v1 import campaigns_pb2
from epitaxy.client.async_transport import run_blocking
from epitaxy.client.campaigns import reading
from epitaxy.client.campaigns.async_pools import AsyncCampaignPools
from epitaxy.client.campaigns.async_reports import AsyncCampaignReports
from epitaxy.client.campaigns.goals import Limit, Objective, limits_of, objectives_of
from epitaxy.client.campaigns.results import Campaign, Promotion
from epitaxy.client.connection import new_request_id

_FORMATS = {"json": campaigns_pb2.EXPORT_FORMAT_JSON, "html": campaigns_pb2.EXPORT_FORMAT_HTML}


class AsyncCampaigns(AsyncCampaignPools, AsyncCampaignReports):
    """Creates campaigns, asks them what to measure next, and tells them what was measured."""

    async def change_objectives(
        self,
        name: str,
        objectives: Sequence[Objective | str] | str,
        units: Sequence[str] | str = (),
        *,
        where: Sequence[Limit | str] | str = (),
        request_id: str = "",
    ) -> Campaign:
        """Replaces objectives and limits from now on; the log says when. Arguments are those of ``create``."""
        request = campaigns_pb2.ChangeObjectivesRequest(
            name=name,
            request_id=request_id or new_request_id(),
            objectives=[entry.to_proto() for entry in objectives_of(objectives, units)],
            constraints=[entry.to_proto() for entry in limits_of(where)],
        )
        return reading.read_campaign((await self._calls.repeat(self._stub.ChangeObjectives, request)).campaign)

    async def pause(self, name: str, *, request_id: str = "") -> Campaign:
        """Stops recommending; results are still taken in."""
        request = campaigns_pb2.PauseCampaignRequest(name=name, request_id=request_id or new_request_id())
        return reading.read_campaign((await self._calls.repeat(self._stub.PauseCampaign, request)).campaign)

    async def resume(self, name: str, *, request_id: str = "") -> Campaign:
        """Goes on after a pause."""
        request = campaigns_pb2.ResumeCampaignRequest(name=name, request_id=request_id or new_request_id())
        return reading.read_campaign((await self._calls.repeat(self._stub.ResumeCampaign, request)).campaign)

    async def close(self, name: str, *, request_id: str = "") -> Campaign:
        """Ends a campaign: nothing is recommended or taken in any more. Pending tickets are released."""
        request = campaigns_pb2.CloseCampaignRequest(name=name, request_id=request_id or new_request_id())
        return reading.read_campaign((await self._calls.repeat(self._stub.CloseCampaign, request)).campaign)

    async def delete(self, name: str, *, confirm: bool) -> None:
        """Removes a campaign, its pool and its log; nothing brings them back.

        Args:
            name: Name of the campaign.
            confirm: Must be True.
        """
        request = campaigns_pb2.DeleteCampaignRequest(name=name, confirm=confirm)
        await self._calls.repeat(self._stub.DeleteCampaign, request)

    async def promote(
        self,
        name: str,
        *,
        property: str = "",  # noqa: A002 - as predictions call it
        model_name: str = "",
        request_id: str = "",
    ) -> Promotion:
        """Starts a fine-tune job on the campaign's results: a model like any other, calibrated and judged.

        Args:
            name: Name of the campaign.
            property: Which objective's property the model learns (default: the first).
            model_name: Name of the model (default: the campaign's).
            request_id: Makes the call safe to repeat.
        """
        request = campaigns_pb2.PromoteCampaignRequest(
            name=name, request_id=request_id or new_request_id(), property=property, model_name=model_name
        )
        response = await self._calls.repeat(self._stub.PromoteCampaign, request)
        return Promotion(response.job_id, response.model_name)

    async def record(self, name: str) -> dict[str, Any]:
        """Returns the whole record of a campaign as plain containers: spec, log, predictions, results."""
        document: dict[str, Any] = json.loads(await self.export_bytes(name, "json"))
        return document

    async def export_bytes(self, name: str, kind: Literal["json", "html"] = "html") -> bytes:
        """Returns the record as the content of a file: ``"json"``, or ``"html"`` for one self-contained page."""
        return await self._calls.export(name, _FORMATS[kind])

    async def save_export(self, name: str, path: str | Path) -> Path:
        """Writes the record to a file and returns its path.

        Args:
            name: Name of the campaign.
            path: JSON is written if the name ends in ``.json``, else HTML.
        """
        path = Path(path)
        content = await self.export_bytes(name, "json" if path.suffix.lower() == ".json" else "html")
        await run_blocking(path.write_bytes, content)
        return path
