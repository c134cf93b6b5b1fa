"""epitaxy.models.v1.ModelGovernanceService: protobuf on one side, the use cases on the other.

The use cases block, so each runs in a thread; the call's context goes with it.
"""

import asyncio
from typing import Any

from epitaxy.api.models.v1 import governance_pb2, governance_pb2_grpc
from epitaxy.chassis.model_names import ModelName, name_within
from epitaxy.chassis.request_context import current_request
from epitaxy.finetune.champions import Caller, Champions
from epitaxy.finetune.governance_messages import entry_message, policy_message, policy_of, range_of
from epitaxy.finetune.messages import request_key
from epitaxy.finetune.pages import entry_sequence, entry_token, page_size


class GovernanceServicer(governance_pb2_grpc.ModelGovernanceServiceServicer):
    """All methods of the service."""

    def __init__(self, champions: Champions) -> None:
        self._champions = champions

    async def PromoteModel(  # noqa: N802  # the RPC's name, as all below
        self, request: governance_pb2.PromoteModelRequest, context: Any
    ) -> governance_pb2.PromoteModelResponse:
        """Makes a version the champion."""
        name = _own_name(request.model_name)
        key = request_key(request, "PromoteModel")
        arguments = (name, request.version, request.override_reason, key)
        change = await asyncio.to_thread(self._champions.promote, _caller(), *arguments)
        return governance_pb2.PromoteModelResponse(
            model_name=name,
            version=change.version,
            previous_version=change.previous_version,
            served_as=str(ModelName(_caller().tenant, name)),
        )

    async def RollbackModel(  # noqa: N802
        self, request: governance_pb2.RollbackModelRequest, context: Any
    ) -> governance_pb2.RollbackModelResponse:
        """Makes the previous champion the champion again."""
        name = _own_name(request.model_name)
        key = request_key(request, "RollbackModel")
        change = await asyncio.to_thread(self._champions.roll_back, _caller(), name, request.reason, key)
        return governance_pb2.RollbackModelResponse(
            model_name=name,
            version=change.version,
            previous_version=change.previous_version,
            served_as=str(ModelName(_caller().tenant, name)),
        )

    async def SetReviewPolicy(  # noqa: N802
        self, request: governance_pb2.SetReviewPolicyRequest, context: Any
    ) -> governance_pb2.SetReviewPolicyResponse:
        """Makes a policy review a model's answers."""
        name = _own_name(request.model_name)
        key, policy = request_key(request, "SetReviewPolicy"), policy_of(request.policy)
        arguments = (name, policy, request.reason, key)
        await asyncio.to_thread(self._champions.set_policy, _caller(), *arguments)
        return governance_pb2.SetReviewPolicyResponse(model_name=name, policy=policy_message(policy))

    async def ListAuditEntries(  # noqa: N802
        self, request: governance_pb2.ListAuditEntriesRequest, context: Any
    ) -> governance_pb2.ListAuditEntriesResponse:
        """A page of the audit log."""
        size, before = page_size(request.page_size), entry_sequence(request.page_token)
        # One more than asked for tells whether another page follows.
        arguments = (_caller().tenant, _own_name(request.model_name), size + 1, before, range_of(request))
        found = await asyncio.to_thread(self._champions.audit, *arguments)
        shown = found[:size]
        token = entry_token(shown[-1].sequence) if len(found) > size else ""
        entries = [entry_message(numbered.entry) for numbered in shown]
        return governance_pb2.ListAuditEntriesResponse(entries=entries, next_page_token=token)


def _caller() -> Caller:
    call = current_request()
    return Caller(call.tenant, call.request_id, call.key_id)


def _own_name(name: str) -> str:
    """The name of the caller's own model, written with or without its tenant. Raises NotFoundError."""
    return name_within(name, current_request().tenant)
