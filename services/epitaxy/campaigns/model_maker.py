"""The connection to the fine-tune service."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from epitaxy.api.common.v1 import structure_pb2
from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.api.finetune.v1 import finetune_pb2, finetune_pb2_grpc
from epitaxy.campaigns.pool.conditions import ConditionColumn, columns_of, values_of
from epitaxy.campaigns.promoting import Label, ModelOrder
from epitaxy.chassis.errors import FailedPreconditionError, UnavailableError
from epitaxy.chassis.gateway_trust import SECRET_HEADER, read_secret
from epitaxy.chassis.request_context import current_request
from epitaxy.chassis.signed_calls import TENANT_HEADER, signed
from epitaxy.chassis.status import from_trailing_metadata

_SECONDS = 120.0


class FineTuneMaker:
    """Implements ModelMaker.

    Args:
        target: HOST:PORT of the fine-tune service; empty: there is none.
        secret_file: File with the secret that it asks its callers for.
        max_message_bytes: Largest message.
    """

    def __init__(self, target: str, secret_file: Path | None, max_message_bytes: int) -> None:
        self._secret = read_secret(secret_file)
        options = [("grpc.max_send_message_length", max_message_bytes)]
        self._channel = grpc.insecure_channel(target, options=options) if target else None

    def close(self) -> None:
        """Closes the channel."""
        if self._channel is not None:
            self._channel.close()

    def start(self, tenant: str, order: ModelOrder, labels: Sequence[Label]) -> str:
        """Id of the job."""
        if self._channel is None:
            raise FailedPreconditionError(
                "fine-tuning is not set up on this server: ask its operator", reason="FINETUNE_NOT_CONFIGURED"
            )
        stub: Any = finetune_pb2_grpc.FineTuneServiceStub(self._channel)  # type: ignore[no-untyped-call]  # generated
        secret = ((SECRET_HEADER, self._secret),) if self._secret else ()
        signature = signed(self._secret, tenant, "CreateFineTuneJob")
        metadata = ((TENANT_HEADER, tenant), ("x-request-id", current_request().request_id), *secret, *signature)
        try:
            answer = stub.CreateFineTuneJob(order_message(order, labels), timeout=_SECONDS, metadata=metadata)
        except grpc.RpcError as error:
            ours = from_trailing_metadata(error.trailing_metadata())
            raise ours or UnavailableError("the fine-tune service does not answer: send it again") from error
        return str(answer.job.id)


def order_message(order: ModelOrder, labels: Sequence[Label]) -> finetune_pb2.CreateFineTuneJobRequest:
    """An order as the fine-tune service reads it; the target's column is the property in snake case."""
    column = re.sub(r"[^a-z0-9_]+", "_", order.property.lower()).strip("_") or "value"
    columns = columns_of(label.conditions for label in labels)
    given, _ = values_of(columns, [label.conditions for label in labels])
    spec = finetune_pb2.FineTuneSpec(
        model_name=order.model_name,
        property_name=column,
        unit=order.unit,
        base_model=order.base_model,
        target=finetune_pb2.LabelColumn(name=column),
        seed=order.seed,
        conditions=[finetune_pb2.LabelCondition(name=entry.name, unit=entry.unit) for entry in columns],
    )
    structures = []
    for label in labels:
        structure = StructureInput.FromString(label.structure)
        structure.id = label.id
        structure.ClearField("conditions")
        if structure.HasField("packed"):
            structure.packed.ids[:] = [label.id]
            structure.packed.ClearField("conditions")
        structures.append(structure)
    values = [finetune_pb2.LabelValues(column=column, values=[label.value for label in labels])]
    conditions = [_condition_message(entry, given[entry.name]) for entry in columns]
    inline = finetune_pb2.InlineLabels(structures=structures, columns=values, conditions=conditions)
    return finetune_pb2.CreateFineTuneJobRequest(request_id=order.request_id, spec=spec, inline=inline)


def _condition_message(column: ConditionColumn, values: Sequence[Any]) -> structure_pb2.ConditionColumn:
    """One condition of all labels; its unit stands in the specification."""
    if column.categories:
        return structure_pb2.ConditionColumn(name=column.name, categories=[value or "" for value in values])
    numbers = np.array([np.nan if value is None else value for value in values], dtype="<f8")
    return structure_pb2.ConditionColumn(name=column.name, numbers=numbers.tobytes())
