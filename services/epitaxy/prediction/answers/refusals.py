"""Why an item has no answer, in words that fit on the wire."""

from epitaxy.api.common.v1 import structure_pb2
from epitaxy.chassis.short_text import shortened
from epitaxy.prediction.domain import Refusal


def error_message(refusal: Refusal) -> str:
    """The message of a refusal.

    It may quote the input, and JSON can hold half of a surrogate pair, which no protobuf string may.
    """
    return shortened(refusal.message.encode(errors="replace").decode())


def item_error(refusal: Refusal) -> structure_pb2.ItemError:
    """The refusal as a message of its own."""
    return structure_pb2.ItemError(
        reason=refusal.reason, message=error_message(refusal), retryable=refusal.is_retryable
    )
