"""Where campaigns stand: the part of the client that asks and watches."""

import math
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from epitaxy.api.campaigns.v1 import campaigns_pb2
from epitaxy.client.campaigns import reading
from epitaxy.client.campaigns.async_calls import AsyncCampaignCalls
from epitaxy.client.campaigns.results import Campaign, CampaignNews
from epitaxy.client.errors import InvalidRequestError, UnavailableError

_PAGE_SIZE = 50


class AsyncCampaignStanding:
    """Asks where campaigns stand."""

    def __init__(self, calls: AsyncCampaignCalls) -> None:
        self._calls = calls
        self._stub = calls.stub

    async def get(self, name: str) -> Campaign:
        """Returns a campaign as it is now.

        Raises:
            NotFoundError: There is no such campaign.
        """
        request = campaigns_pb2.GetCampaignRequest(name=name)
        return reading.read_campaign((await self._calls.repeat(self._stub.GetCampaign, request)).campaign)

    async def list(self) -> AsyncGenerator[Campaign]:
        """Yields the tenant's campaigns, the latest first; pages are fetched as they are needed."""
        token = ""
        while True:
            request = campaigns_pb2.ListCampaignsRequest(page_size=_PAGE_SIZE, page_token=token)
            response = await self._calls.repeat(self._stub.ListCampaigns, request)
            for campaign in response.campaigns:
                yield reading.read_campaign(campaign)
            token = response.next_page_token
            if not token:
                return

    async def watch(
        self,
        name: str,
        after: int = 0,
        timeout: float = math.inf,  # noqa: ASYNC109 - ends the iteration
    ) -> AsyncGenerator[CampaignNews]:
        """Yields what happened so far, then what happens, until the campaign is closed; lost connections are renewed.

        Args:
            name: Name of the campaign.
            after: Leaves out events up to this number.
            timeout: Longest time to watch, in seconds.
        """
        async with aclosing(self._calls.watch(name, after, timeout)) as messages:
            async for message in messages:
                yield reading.read_news(message)

    async def wait_until_ready(
        self,
        name: str,
        timeout: float = math.inf,  # noqa: ASYNC109 - the server goes on
        on_progress: Callable[[Campaign], None] | None = None,
    ) -> Campaign:
        """Waits until the pool is featurized, and returns the campaign.

        Args:
            name: Name of the campaign.
            timeout: Longest time to wait, in seconds.
            on_progress: Called with the campaign whenever the pool came further.

        Raises:
            InvalidRequestError: The pool cannot be used; the reason and the message say why.
            UnavailableError: It takes longer than ``timeout``; the server goes on.
        """
        campaign = await self.get(name)
        if campaign.is_preparing:
            async with aclosing(self.watch(name, campaign.last_sequence, timeout)) as news:
                async for message in news:
                    campaign = message.campaign or campaign
                    if on_progress is not None:
                        on_progress(campaign)
                    if not campaign.is_preparing:
                        break
        if campaign.failure is not None and campaign.state == "FAILED":
            raise InvalidRequestError(campaign.failure.message, reason=campaign.failure.reason)
        if campaign.is_preparing:
            message_text = f"the pool of {name} is not ready after {timeout:g} s; the server goes on: ask again"
            raise UnavailableError(message_text, reason="POOL_NOT_READY")
        return campaign
