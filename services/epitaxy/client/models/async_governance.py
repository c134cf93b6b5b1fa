"""Which version of a model serves, and under which conditions its answers may be used."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from epitaxy.api.models.v1 import governance_pb2, governance_pb2_grpc
from epitaxy.client.async_calls import AsyncCalls
from epitaxy.client.connection import new_request_id
from epitaxy.client.models.reading import read_audit_entry, read_change, read_policy, write_policy, write_time
from epitaxy.client.models.review import AuditEntry, ModelChange, ReviewPolicy

_PAGE_SIZE = 100


class AsyncModelGovernance:
    """The calls of the governance service.

    Every change carries a request id, so that a call whose answer was lost is repeated without a second change.
    """

    def __init__(self, channel: Any, calls: AsyncCalls) -> None:
        self._calls = calls
        self.stub = governance_pb2_grpc.ModelGovernanceServiceStub(channel)  # type: ignore[no-untyped-call]  # generated

    async def promote(self, name: str, version: str, override_reason: str, request_id: str) -> ModelChange:
        """Makes a version (empty: the candidate) the champion. Raises NotFoundError, InvalidRequestError."""
        request = governance_pb2.PromoteModelRequest(
            model_name=name,
            version=version,
            override_reason=override_reason,
            request_id=request_id or new_request_id(),
        )
        return read_change(await self._calls.repeat(self.stub.PromoteModel, request))

    async def roll_back(self, name: str, reason: str, request_id: str) -> ModelChange:
        """Makes the previous champion the champion again. Raises NotFoundError, InvalidRequestError."""
        request = governance_pb2.RollbackModelRequest(
            model_name=name, reason=reason, request_id=request_id or new_request_id()
        )
        return read_change(await self._calls.repeat(self.stub.RollbackModel, request))

    async def set_policy(self, name: str, policy: ReviewPolicy, reason: str, request_id: str) -> ReviewPolicy:
        """Sets the policy that judges all answers of a model. Raises NotFoundError, InvalidRequestError."""
        request = governance_pb2.SetReviewPolicyRequest(
            model_name=name, policy=write_policy(policy), reason=reason, request_id=request_id or new_request_id()
        )
        return read_policy((await self._calls.repeat(self.stub.SetReviewPolicy, request)).policy)

    async def audit(
        self,
        name: str,
        since: datetime | None = None,
        until: datetime | None = None,
        page_size: int = _PAGE_SIZE,
    ) -> AsyncIterator[AuditEntry]:
        """Yields the tenant's audit log, the latest entry first; pages are fetched as they are needed."""
        token = ""
        while True:
            request = governance_pb2.ListAuditEntriesRequest(
                model_name=name,
                page_size=page_size,
                page_token=token,
                start_time=write_time(since),
                end_time=write_time(until),
            )
            response = await self._calls.repeat(self.stub.ListAuditEntries, request)
            for entry in response.entries:
                yield read_audit_entry(entry)
            token = response.next_page_token
            if not token:
                return
