"""``grpc.health.v1`` by hand: one empty request and one enum need no package of their own."""

METHOD = "/grpc.health.v1.Health/Check"
_STATUS_FIELD = 0x08  # field 1, varint
_SERVING = 1


def serialize(_: object) -> bytes:
    """A request for the server as a whole (``service`` empty)."""
    return b""


def is_serving(response: bytes) -> bool:
    """True for ``HealthCheckResponse.SERVING``."""
    return response[:2] == bytes((_STATUS_FIELD, _SERVING))
