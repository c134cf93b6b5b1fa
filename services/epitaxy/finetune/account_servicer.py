"""epitaxy.internal.v1.AccountBackendService: what tenants use, and the log of all of them.

Only the gateway calls it, which checks what a key may do.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from epitaxy.api.account.v1 import account_pb2, administration_pb2
from epitaxy.api.internal.v1 import account_backend_pb2, account_backend_pb2_grpc
from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.chassis.request_context import current_request
from epitaxy.finetune.domain.quotas import TenantQuota
from epitaxy.finetune.governance_messages import range_of, record_message
from epitaxy.finetune.ports import JobStore, Ledger

_PAGE = 500
_MAX_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Usage:
    """What tenants hold, and what they may. Its method blocks.

    Attributes:
        store: Jobs and models.
        quota_of: Quota of a tenant.
        measurements_of: Number of a tenant's measurements.
    """

    store: JobStore
    quota_of: Callable[[str], TenantQuota]
    measurements_of: Callable[[str], int]

    def __call__(self, tenant: str) -> account_pb2.FineTuneUsage:
        """The usage of one tenant. Raises UnavailableError without a store."""
        quota, used = self.quota_of(tenant), self.store.usage(tenant)
        return account_pb2.FineTuneUsage(
            active_jobs=used.active_jobs,
            max_active_jobs=quota.max_active_jobs,
            stored_models=used.stored_models,
            max_stored_models=quota.max_stored_models,
            max_labels_per_job=quota.max_labels,
            measurements=self.measurements_of(tenant),
            max_measurements=quota.max_measurements,
        )


class AccountServicer(account_backend_pb2_grpc.AccountBackendServiceServicer):
    """All methods of the service."""

    def __init__(self, usage: Usage, ledger: Ledger) -> None:
        self._usage, self._ledger = usage, ledger

    async def ReadUsage(  # noqa: N802  # the RPC's name, as below
        self, request: account_backend_pb2.ReadUsageRequest, context: Any
    ) -> account_backend_pb2.ReadUsageResponse:
        """What the calling tenant uses."""
        usage = await asyncio.to_thread(self._usage, current_request().tenant)
        return account_backend_pb2.ReadUsageResponse(usage=usage)

    async def ReadAuditRecords(  # noqa: N802
        self, request: account_backend_pb2.ReadAuditRecordsRequest, context: Any
    ) -> account_backend_pb2.ReadAuditRecordsResponse:
        """A page of the log of all tenants."""
        query = request.query
        if query.page_size > _MAX_PAGE:
            raise InvalidRequestError.of_field("page_size", f"is {query.page_size}; at most {_MAX_PAGE} are allowed")
        if query.after_sequence >= 2**63:
            raise InvalidRequestError.of_field("after_sequence", "is no sequence number of this log")
        size = query.page_size or _PAGE
        # One more than asked for tells whether another page follows.
        arguments = (query.tenant, size + 1, query.after_sequence, range_of(query))
        found = await asyncio.to_thread(self._ledger.records, *arguments)
        page = administration_pb2.ListAuditRecordsResponse(
            records=map(record_message, found[:size]), has_more=len(found) > size
        )
        return account_backend_pb2.ReadAuditRecordsResponse(page=page)
