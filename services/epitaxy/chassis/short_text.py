"""Texts for callers are cut: what quotes an input can be as long as the input, and gRPC carries errors in headers.

gRPC refuses trailing metadata beyond 16 KiB, and beyond 8 KiB some of it at random: such an answer never arrives, and
the call looks as if the peer had run out of resources.
"""

TEXT_BYTES = 1024
"""Longest text of an error, UTF-8. Percent-encoded in a header it may be three times as long."""
_MARK = "…"


def shortened(text: str, max_bytes: int = TEXT_BYTES) -> str:
    """The text, cut in its middle if it is longer: its end mostly says what to do."""
    encoded = text.encode(errors="replace")
    if len(encoded) <= max_bytes:
        return text
    room = max_bytes - len(_MARK.encode())
    n_tail = room // 3
    head = encoded[: room - n_tail].decode(errors="ignore")
    return head + _MARK + encoded[len(encoded) - n_tail :].decode(errors="ignore")
