"""The public service of searches: bytes on one side, the use case on the other."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from epitaxy.api.prediction.v1 import search_pb2
from epitaxy.gateway.handlers import servicer_handler
from epitaxy.gateway.searching.domain import SearchRequest
from epitaxy.gateway.searching.messages import encode_search_event, read_request
from epitaxy.gateway.searching.service import SearchService

SEARCHES = search_pb2.DESCRIPTOR.services_by_name["SearchService"]


class SearchServicer:
    """epitaxy.prediction.v1.SearchService."""

    def __init__(self, service: SearchService) -> None:
        self._service = service

    async def Search(  # noqa: N802  # the RPC's name
        self, request_iterator: AsyncIterator[bytes], context: Any
    ) -> AsyncGenerator[bytes, None]:
        """Answers a search, a summary last, and then questions about candidates."""
        async with aclosing(self._service.search(_read(request_iterator))) as events:
            async for event in events:
                yield encode_search_event(event)


def search_handler(service: SearchService) -> Any:
    """The handler of the service, for a server."""
    return servicer_handler(SEARCHES, SearchServicer(service))


async def _read(requests: AsyncIterator[bytes]) -> AsyncGenerator[SearchRequest, None]:
    async for request in requests:
        yield read_request(request)
