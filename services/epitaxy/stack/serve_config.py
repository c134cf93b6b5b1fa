"""What the prediction service's own Serve configuration says, which clusters run as well."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

# How Serve runs: a replica's handlers and routers on its own loop, in place of two more threads each that pass every
# message on; gRPC from the proxy to replicas and among them, in place of Ray's actor calls, with the proxy's own bound
# on a message; and logs of calls in blocks. What computes runs in threads of its own all the same. docs/adr/0015, 0016.
SERVE_ENVIRONMENT = {
    "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0",
    "RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP": "0",
    "RAY_SERVE_USE_GRPC_BY_DEFAULT": "1",
    "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH": str(2**31 - 1),
    "RAY_SERVE_REQUEST_PATH_LOG_BUFFER_SIZE": "1000",
    "RAY_SERVE_FREEZE_GC_ON_STARTUP": "1",
}


@dataclass(frozen=True, slots=True)
class ServeConfig:
    """The application of a Serve configuration; ports and hosts in it are a cluster's.

    Attributes:
        name: Name of the application.
        route_prefix: Its path at the HTTP proxy.
        import_path: ``module:function`` of its builder.
        arguments: Arguments of the builder.
        servicer_functions: Import paths that register the ingress servicers.
        logging: Logging configuration of Serve's own processes.
    """

    name: str
    route_prefix: str
    import_path: str
    arguments: dict[str, Any]
    servicer_functions: tuple[str, ...]
    logging: dict[str, Any]


@cache
def shipped_config() -> ServeConfig:
    """Reads the package's configuration. Raises KeyError or ValueError if the file has another form."""
    import yaml  # noqa: PLC0415  # comes with Ray

    read = yaml.safe_load((files("epitaxy.prediction") / "serve.yaml").read_text())
    [application] = read["applications"]
    return ServeConfig(
        application["name"],
        application["route_prefix"],
        application["import_path"],
        dict(application["args"]),
        tuple(read["grpc_options"]["grpc_servicer_functions"]),
        dict(read["logging_config"]),
    )
