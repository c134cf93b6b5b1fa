# Generated from async_methods.py by tools/generate_client.py: do not edit, run `make generate`.
"""What a client can ask about its account, and an administrator about all of them."""

from collections.abc import Iterator
from datetime import datetime

from epitaxy.api.account.v1 import account_pb2, account_pb2_grpc, administration_pb2, administration_pb2_grpc
from epitaxy.client.calls import Calls
from epitaxy.client.connection import new_request_id
from epitaxy.client.models.account.reading import read_limits, read_record
from epitaxy.client.models.account.results import AccountLimits, AuditRecord, DeletedTenant
from epitaxy.client.models.reading import write_time
from epitaxy.client.models.review import ModelChange


class AccountMethods:
    """The part of the client that asks for limits and administers tenants."""

    _calls: Calls
    _accounts: account_pb2_grpc.AccountServiceStub
    _administration: administration_pb2_grpc.AdministrationServiceStub

    def limits(self) -> AccountLimits:
        """Returns limits and usage of your tenant, and what is known of your key.

        Raises:
            EpitaxyClientError: The call failed.
        """
        return read_limits(self._calls.once(self._accounts.GetLimits, account_pb2.GetLimitsRequest()))

    def audit_records(
        self, tenant: str = "", *, since: datetime | None = None, until: datetime | None = None, after: int = 0
    ) -> Iterator[AuditRecord]:
        """Yields the audit log of all tenants, the oldest entry first. Needs a key with the scope "admin".

        Args:
            tenant: Name of a tenant (default: all tenants).
            since: Leaves out earlier entries; a time without a zone is UTC (default: from the first one on).
            until: Leaves out entries at or after this time (default: up to now).
            after: Leaves out lines up to and including this sequence number, such as the last one of an earlier export.

        Raises:
            UnauthenticatedError: The key lacks the scope.
        """
        has_more = True
        while has_more:
            request = administration_pb2.ListAuditRecordsRequest(
                tenant=tenant, start_time=write_time(since), end_time=write_time(until), after_sequence=after
            )
            response = self._calls.repeat(self._administration.ListAuditRecords, request)
            for record in response.records:
                after = record.sequence
                yield read_record(record)
            has_more = response.has_more

    def promote_tenant_model(
        self, tenant: str, name: str, version: str = "", override_reason: str = "", *, request_id: str = ""
    ) -> ModelChange:
        """Makes a version of a tenant's model the champion. Needs a key with the scope "admin".

        Args:
            tenant: Name of the tenant.
            name: Name of the model, without the tenant.
            version: Version to promote (default: the candidate).
            override_reason: Reason for promoting in spite of objections. Kept in the audit log.
            request_id: As in ``promote_model``.

        Raises:
            NotFoundError: There is no such model or version.
            InvalidRequestError: The model needs a reason, or does not load.
            UnauthenticatedError: The key lacks the scope.
        """
        request = administration_pb2.PromoteTenantModelRequest(
            tenant=tenant,
            model_name=name,
            version=version,
            override_reason=override_reason,
            request_id=request_id or new_request_id(),
        )
        done = self._calls.repeat(self._administration.PromoteTenantModel, request)
        return ModelChange(name, done.version, done.previous_version, f"{tenant}/{name}")

    def delete_tenant(self, tenant: str, *, confirm: bool = False) -> DeletedTenant:
        """Deletes all data of a tenant, which nothing brings back. Needs a key with the scope "admin".

        Args:
            tenant: Name of the tenant.
            confirm: Must be True.

        Returns:
            What was deleted.

        Raises:
            InvalidRequestError: Without ``confirm``, or for what is no name of a tenant.
            UnauthenticatedError: The key lacks the scope.
        """
        request = administration_pb2.DeleteTenantRequest(tenant=tenant, confirm=confirm)
        done = self._calls.repeat(self._administration.DeleteTenant, request)
        return DeletedTenant(done.n_jobs, done.n_models)
