# Generated from async_governance.py by tools/generate_client.py: do not edit, run `make generate`.
"""Which version of a model serves, and under which conditions its answers may be used."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from epitaxy.api.models.v1 import governance_pb2, governance_pb2_grpc
from epitaxy.client.calls import Calls
from epitaxy.client.connection import new_request_id
from epitaxy.client.models.reading import read_audit_entry, read_change, read_policy, write_policy, write_time
from epitaxy.client.models.review import AuditEntry, ModelChange, ReviewPolicy

_PAGE_SIZE = 100


class ModelGovernance:
    """The calls of the governance service.

    Every change carries a request id, so that a call whose answer was lost is repeated without a second change.
    """

    def __init__(self, channel: Any, calls: Calls) -> None:
        self._calls = calls
        self.stub = governance_pb2_grpc.ModelGovernanceServiceStub(channel)  # type: ignore[no-untyped-call]  # generated

    def promote(self, name: str, version: str, override_reason: str, request_id: str) -> ModelChange:
        """Makes a version (empty: the candidate) the champion. Raises NotFoundError, InvalidRequestError."""
        request = governance_pb2.PromoteModelRequest(
            model_name=name,
            version=version,
            override_reason=override_reason,
            request_id=request_id or new_request_id(),
        )
        return read_change(self._calls.repeat(self.stub.PromoteModel, request))

    def roll_back(self, name: str, reason: str, request_id: str) -> ModelChange:
        """Makes the previous champion the champion again. Raises NotFoundError, InvalidRequestError."""
        request = governance_pb2.RollbackModelRequest(
            model_name=name, reason=reason, request_id=request_id or new_request_id()
        )
        return read_change(self._calls.repeat(self.stub.RollbackModel, request))

    def set_policy(self, name: str, policy: ReviewPolicy, reason: str, request_id: str) -> ReviewPolicy:
        """Sets the policy that judges all answers of a model. Raises NotFoundError, InvalidRequestError."""
        request = governance_pb2.SetReviewPolicyRequest(
            model_name=name, policy=write_policy(policy), reason=reason, request_id=request_id or new_request_id()
        )
        return read_policy((self._calls.repeat(self.stub.SetReviewPolicy, request)).policy)

    def audit(
        self,
        name: str,
        since: datetime | None = None,
        until: datetime | None = None,
        page_size: int = _PAGE_SIZE,
    ) -> Iterator[AuditEntry]:
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
            response = self._calls.repeat(self.stub.ListAuditEntries, request)
            for entry in response.entries:
                yield read_audit_entry(entry)
            token = response.next_page_token
            if not token:
                return
