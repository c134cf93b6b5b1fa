"""Deletion of a tenant's data, which lie with two services: campaigns go first, then what the fine-tune service has."""

from typing import Any

from epitaxy.api.campaigns.v1 import campaigns_pb2
from epitaxy.api.finetune.v1 import finetune_pb2
from epitaxy.chassis.errors import NotFoundError
from epitaxy.gateway.messages import parse
from epitaxy.gateway.upstream.forwarding import ForwardingConnection

METHOD = "DeleteTenantData"

_FINETUNE = finetune_pb2.DESCRIPTOR.services_by_name["FineTuneService"].full_name
_CAMPAIGNS = campaigns_pb2.DESCRIPTOR.services_by_name["CampaignService"].full_name
_PAGE = campaigns_pb2.ListCampaignsRequest(page_size=100).SerializeToString()


class TenantDataDeletion:
    """Answers DeleteTenantData. If it fails halfway, calling it again removes the rest."""

    def __init__(self, finetune: ForwardingConnection, campaigns: ForwardingConnection) -> None:
        self._finetune = finetune
        self._campaigns = campaigns

    async def __call__(self, request: bytes, context: Any) -> bytes:
        """The fine-tune service's answer, which is also the one that refuses a call without confirmation."""
        is_confirmed = parse(finetune_pb2.DeleteTenantDataRequest, request).confirm
        # Campaigns first: one that goes on could start another job.
        if is_confirmed and self._campaigns.is_configured:
            await self._delete_campaigns()
        return await self._finetune.call(f"/{_FINETUNE}/{METHOD}", request)

    async def _delete_campaigns(self) -> None:
        while True:
            page = campaigns_pb2.ListCampaignsResponse.FromString(
                await self._campaigns.call(f"/{_CAMPAIGNS}/ListCampaigns", _PAGE)
            )
            if not page.campaigns:
                return
            for campaign in page.campaigns:
                await self._delete(campaign.spec.name)

    async def _delete(self, name: str) -> None:
        request = campaigns_pb2.DeleteCampaignRequest(name=name, confirm=True)
        try:
            await self._campaigns.call(f"/{_CAMPAIGNS}/DeleteCampaign", request.SerializeToString())
        except NotFoundError:
            return  # somebody else has deleted it meanwhile
