"""The public services of accounts: bytes on one side, quotas and the fine-tune service on the other."""

import logging
from collections.abc import Callable
from typing import Any

from epitaxy.api.account.v1 import account_pb2, administration_pb2
from epitaxy.api.finetune.v1 import finetune_pb2
from epitaxy.api.internal.v1 import account_backend_pb2
from epitaxy.api.models.v1 import governance_pb2
from epitaxy.chassis.callers import Caller, Scope
from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.chassis.request_context import bind_tenant, current_request
from epitaxy.chassis.tenants import is_tenant_name
from epitaxy.gateway.bounds import check_texts
from epitaxy.gateway.handlers import Behaviour, servicer_handler
from epitaxy.gateway.messages import parse
from epitaxy.gateway.quotas import TenantUse
from epitaxy.gateway.settings import GatewaySettings
from epitaxy.gateway.upstream.forwarding import ForwardingConnection
from epitaxy_models.errors import EpitaxyError

logger = logging.getLogger(__name__)

ACCOUNTS = account_pb2.DESCRIPTOR.services_by_name["AccountService"]
ADMINISTRATION = administration_pb2.DESCRIPTOR.services_by_name["AdministrationService"]
_BACKEND = account_backend_pb2.DESCRIPTOR.services_by_name["AccountBackendService"].full_name
_GOVERNANCE = governance_pb2.DESCRIPTOR.services_by_name["ModelGovernanceService"].full_name
_NOTHING = account_backend_pb2.ReadUsageRequest().SerializeToString()


class AccountServicer:
    """epitaxy.account.v1.AccountService."""

    def __init__(
        self, settings: GatewaySettings, use_of: Callable[[str], TenantUse], finetune: ForwardingConnection
    ) -> None:
        self._settings, self._use_of, self._finetune = settings, use_of, finetune

    async def GetLimits(self, request: bytes, context: Any) -> bytes:  # noqa: N802  # the RPC's name, as below
        """Says what the caller may use, and uses."""
        parse(account_pb2.GetLimitsRequest, request)
        caller = current_request().caller or Caller(current_request().tenant)
        answer = account_pb2.GetLimitsResponse(
            tenant=caller.tenant, key=_key(caller), prediction=self._prediction(caller.tenant)
        )
        if Scope.FINETUNE in caller.scopes and self._finetune.is_configured:
            await self._add_finetune(answer)
        return answer.SerializeToString()

    def _prediction(self, tenant: str) -> account_pb2.PredictionUsage:
        use, settings = self._use_of(tenant), self._settings
        return account_pb2.PredictionUsage(
            open_screens=use.open_screens,
            max_open_screens=use.max_open_screens,
            structures_per_minute=use.structures_per_minute,
            structures_left=use.structures_left,
            weight=use.weight,
            max_structures_per_message=settings.max_structures_per_message,
            max_structures_per_predict=settings.max_structures_per_predict,
            max_structures_per_explain=settings.max_structures_per_explain,
            max_message_bytes=settings.max_message_bytes,
            has_own_cache=use.has_own_cache,
        )

    async def _add_finetune(self, answer: account_pb2.GetLimitsResponse) -> None:
        try:
            encoded = await self._finetune.call(f"/{_BACKEND}/ReadUsage", _NOTHING)
        except EpitaxyError as error:
            # The limits of predictions are worth an answer without it.
            logger.warning("usage of fine-tuning is left out: %s", error.message)
            return
        answer.finetune.CopyFrom(account_backend_pb2.ReadUsageResponse.FromString(encoded).usage)


class AdministrationServicer:
    """epitaxy.account.v1.AdministrationService: the interceptors have asked for the scope."""

    def __init__(self, finetune: ForwardingConnection, delete_data: Behaviour) -> None:
        self._finetune, self._delete_data = finetune, delete_data

    async def ListAuditRecords(self, request: bytes, context: Any) -> bytes:  # noqa: N802
        """Lists the audit log of all tenants."""
        query = parse(administration_pb2.ListAuditRecordsRequest, request)
        check_texts(query)
        asked = account_backend_pb2.ReadAuditRecordsRequest(query=query).SerializeToString()
        encoded = await self._finetune.call(f"/{_BACKEND}/ReadAuditRecords", asked)
        return account_backend_pb2.ReadAuditRecordsResponse.FromString(encoded).page.SerializeToString()

    async def PromoteTenantModel(self, request: bytes, context: Any) -> bytes:  # noqa: N802
        """Makes a version of a tenant's model the champion."""
        asked = parse(administration_pb2.PromoteTenantModelRequest, request)
        check_texts(asked)
        _act_for(asked.tenant)
        passed = governance_pb2.PromoteModelRequest(
            model_name=asked.model_name,
            version=asked.version,
            override_reason=asked.override_reason,
            request_id=asked.request_id,
        )
        encoded = await self._finetune.call(f"/{_GOVERNANCE}/PromoteModel", passed.SerializeToString())
        change = governance_pb2.PromoteModelResponse.FromString(encoded)
        return administration_pb2.PromoteTenantModelResponse(
            version=change.version, previous_version=change.previous_version
        ).SerializeToString()

    async def DeleteTenant(self, request: bytes, context: Any) -> bytes:  # noqa: N802
        """Deletes all data of a tenant."""
        asked = parse(administration_pb2.DeleteTenantRequest, request)
        check_texts(asked)
        _act_for(asked.tenant)
        passed = finetune_pb2.DeleteTenantDataRequest(confirm=asked.confirm).SerializeToString()
        done = finetune_pb2.DeleteTenantDataResponse.FromString(await self._delete_data(passed, context))
        return administration_pb2.DeleteTenantResponse(n_jobs=done.n_jobs, n_models=done.n_models).SerializeToString()


def account_handlers(
    settings: GatewaySettings,
    use_of: Callable[[str], TenantUse],
    finetune: ForwardingConnection,
    delete_data: Behaviour,
) -> tuple[Any, ...]:
    """Handlers of both services, for a server."""
    return (
        servicer_handler(ACCOUNTS, AccountServicer(settings, use_of, finetune)),
        servicer_handler(ADMINISTRATION, AdministrationServicer(finetune, delete_data)),
    )


def _act_for(tenant: str) -> None:
    """Makes the rest of the call concern that tenant; its record names the administrator's key.

    Raises InvalidRequestError for what is no name.
    """
    if not is_tenant_name(tenant):
        raise InvalidRequestError.of_field("tenant", "is no name of a tenant: lower-case letters, digits and -")
    bind_tenant(tenant, current_request().key_id)


def _key(caller: Caller) -> account_pb2.CallerKey:
    key = account_pb2.CallerKey(id=caller.key_id, scopes=sorted(scope.value for scope in caller.scopes))
    if caller.expires_at is not None:
        key.expire_time.FromDatetime(caller.expires_at)
    return key
