"""gRPC handlers of services whose messages stay bytes: gRPC itself neither parses nor encodes them."""

from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

Behaviour = Callable[[Any, Any], Any]

_FACTORIES: dict[tuple[bool, bool], Callable[[Behaviour], Any]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


def service_handler(service: ServiceDescriptor, behaviour: Callable[[MethodDescriptor], Behaviour]) -> Any:
    """The handler of a whole service, for a server: ``behaviour`` gives each method what answers its calls."""
    handlers = {
        method.name: _FACTORIES[method.client_streaming, method.server_streaming](behaviour(method))
        for method in service.methods
    }
    return grpc.method_handlers_generic_handler(service.full_name, handlers)


def servicer_handler(service: ServiceDescriptor, servicer: object) -> Any:
    """The handler of a servicer that has a method for each RPC of the service, by the RPC's name."""
    return service_handler(service, lambda method: getattr(servicer, method.name))
