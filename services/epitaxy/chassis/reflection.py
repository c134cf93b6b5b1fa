"""``grpc.reflection.v1``, which grpcio-reflection lacks: the messages of v1alpha are the same on the wire."""

from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_reflection.v1alpha import reflection, reflection_pb2

SERVICE_NAME = "grpc.reflection.v1.ServerReflection"
_ALPHA, _STABLE = ".grpc.reflection.v1alpha.", ".grpc.reflection.v1."


def enable_reflection(service_names: tuple[str, ...], server: grpc.aio.Server) -> None:
    """Lets a server answer which services and messages it has, in both versions of the protocol.

    Args:
        service_names: Services to list; both versions of reflection are listed after them.
        server: A server that has not started.
    """
    _describe_stable()
    names = (*service_names, reflection.SERVICE_NAME, SERVICE_NAME)
    servicer = reflection.aio.ReflectionServicer(names)
    reflection.enable_server_reflection(names, server)
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE_NAME, {"ServerReflectionInfo": handler}),)
    )


def _describe_stable() -> None:
    """Adds the description of the stable protocol to the pool, so that the service can describe itself."""
    file = descriptor_pb2.FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(file)
    file.name, file.package = "grpc/reflection/v1/reflection.proto", _STABLE.strip(".")
    for message in file.message_type:
        _rename(message.field, "type_name")
    for service in file.service:
        _rename(service.method, "input_type", "output_type")
    descriptor_pool.Default().AddSerializedFile(file.SerializeToString())


def _rename(entries: Any, *attributes: str) -> None:
    for entry in entries:
        for attribute in attributes:
            name = getattr(entry, attribute)
            if name.startswith(_ALPHA):
                setattr(entry, attribute, name.replace(_ALPHA, _STABLE, 1))
