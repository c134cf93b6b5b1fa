"""Calls of tenants on their own data that an operator may leave to keys with the scope ``admin``."""

from collections.abc import Mapping

from epitaxy.api.models.v1 import governance_pb2
from epitaxy.chassis.callers import Scope
from epitaxy.chassis.errors import PermissionDeniedError
from epitaxy.chassis.request_context import current_request
from epitaxy.gateway.bounds import check_texts
from epitaxy.gateway.handlers import Behaviour
from epitaxy.gateway.messages import parse
from epitaxy.gateway.settings import AdminOnly
from epitaxy.gateway.upstream.forwarding import ForwardingConnection

_PROMOTE = "PromoteModel"
_SERVICE = governance_pb2.DESCRIPTOR.services_by_name["ModelGovernanceService"].full_name


def guarded_deletion(delete_data: Behaviour, admin_only: frozenset[AdminOnly]) -> Behaviour:
    """The deletion of a tenant's own data, which may need the scope."""

    async def delete(request: bytes, context: object) -> bytes:
        if AdminOnly.DELETE_DATA in admin_only:
            require_admin("delete the tenant's data")
        answer: bytes = await delete_data(request, context)
        return answer

    return delete


def guarded_promotion(finetune: ForwardingConnection, admin_only: frozenset[AdminOnly]) -> Mapping[str, Behaviour]:
    """The promotion of a tenant's own model, by the method's name: one in spite of objections may need the scope."""

    async def promote(request: bytes, context: object) -> bytes:
        asked = parse(governance_pb2.PromoteModelRequest, request)
        check_texts(asked)
        if asked.override_reason.strip() and AdminOnly.OVERRIDE in admin_only:
            require_admin("promote in spite of objections")
        return await finetune.call(f"/{_SERVICE}/{_PROMOTE}", request)

    return {_PROMOTE: promote}


def require_admin(what: str) -> None:
    """Raises PermissionDeniedError unless the caller's key has the scope."""
    caller = current_request().caller
    if caller is None or Scope.ADMIN not in caller.scopes:
        raise PermissionDeniedError(
            f"this key may not {what}: on this server that takes the scope {Scope.ADMIN}", reason="MISSING_SCOPE"
        )
