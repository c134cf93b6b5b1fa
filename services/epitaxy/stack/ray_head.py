"""A private Ray: one node on loopback with the fewest processes that Serve can run on.

`ray.init` alone would also start an autoscaler, a dashboard server and a log monitor (3.3 CPU seconds at each start,
measured), listen on all interfaces, and wait for the dashboard agent before anything else. Switching that off takes
Ray's own node class: this module is the only one that touches it, and the exact minor version of Ray is pinned.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from epitaxy.stack.errors import StackError
from epitaxy.stack.plan import StackPlan
from epitaxy.stack.ports import LOOPBACK
from epitaxy.stack.serve_config import SERVE_ENVIRONMENT
from epitaxy.stack.worker import SETUP_HOOK

_TOKEN_FILE = "ray-token"
RAY_LOG_BYTES = 8 << 20


def ray_environment(run: Path) -> dict[str, str]:
    """Environment that the driver needs before it imports Ray, with a new token; workers inherit it."""
    token = run / _TOKEN_FILE
    token.touch(mode=0o600)
    token.write_text(secrets.token_hex(32))
    return ray_client_environment(run)


def ray_client_environment(run: Path) -> dict[str, str]:
    """The same for another process that connects to that Ray."""
    return {
        # Off Linux Ray takes loopback for its node address; this makes it do so here. Without it, 127.0.0.1 is
        # replaced by the machine's outward address and every port of Ray faces the network.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        # Other users of this machine can reach loopback, and Ray runs any code that it is sent. By default Ray would
        # write the token into ~/.ray.
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(run / _TOKEN_FILE),
        "RAY_USAGE_STATS_ENABLED": "0",
        # Ray runs workers at niceness 15, which is wrong here: they answer the caller and must not yield to others.
        "RAY_worker_niceness": "0",
        # Else Ray starts as many idle workers as there are logical CPUs.
        "RAY_prestart_worker_first_driver": "0",
        # The same as runtime_env={"worker_process_setup_hook": ...}, which would start each interpreter twice.
        "__RAY_WORKER_PROCESS_SETUP_HOOK_ENV_VAR": SETUP_HOOK,
        # Serve gives its proxy 5 seconds, three times, and Ray its node 30: too short beside other work.
        "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
        "RAY_gcs_server_port_wait_time_s": "60",
        "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "30",
        # A dead proxy is replaced at the next check.
        "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "2",
        # By default Ray keeps 3 GiB of each log.
        "RAY_ROTATION_MAX_BYTES": os.environ.get("RAY_ROTATION_MAX_BYTES", str(RAY_LOG_BYTES)),
        "RAY_ROTATION_BACKUP_COUNT": os.environ.get("RAY_ROTATION_BACKUP_COUNT", "1"),
        # Serve writes its log files all the same.
        "RAY_SERVE_LOG_TO_STDERR": "0",
        **SERVE_ENVIRONMENT,
        # An address of another Ray must not leak in.
        "RAY_ADDRESS": "",
    }


class RayHead:
    """The started node, and this process connected to it as its driver."""

    def __init__(self, plan: StackPlan, run: Path) -> None:
        import ray  # noqa: PLC0415  # a second that the supervisor, which imports this module, does not have

        if ray.__version__.split(".")[:2] != ["2", "60"]:
            raise StackError(f"Ray {ray.__version__} is installed and the stack is written for 2.60: reinstall epitaxy")
        self._node = _start_node(plan, run)
        # log_to_driver: each replica's log is a file below the run folder.
        ray.init(address=self._node.gcs_address, log_to_driver=False, configure_logging=False)

    @property
    def processes(self) -> Mapping[str, int]:
        """Process ids by kind."""
        return {kind: infos[0].process.pid for kind, infos in self._node.all_processes.items()}

    @property
    def endpoints(self) -> dict[str, Any]:
        """For the endpoints file."""
        return {
            "gcs": self._node.gcs_address,
            "metrics": f"http://{LOOPBACK}:{self._node.metrics_export_port}/metrics",
            "logs": str(Path(self._node.get_session_dir_path()) / "logs"),
            "pids": dict(self.processes),
        }

    def dead_process(self) -> str | None:
        """Kind of a process that has died, None while all live."""
        return next((str(kind) for kind, _ in self._node.dead_processes()), None)


def _start_node(plan: StackPlan, run: Path) -> Any:
    from ray._private.node import Node  # noqa: PLC0415
    from ray._private.parameter import RayParams  # noqa: PLC0415
    from ray._raylet import persist_port  # type: ignore[attr-defined]  # noqa: PLC0415  # its stub file lacks it

    class LeanNode(Node):  # type: ignore[misc]  # Ray has no types
        def start_api_server(self, **_: Any) -> None:
            """No dashboard server: metrics come from the agent."""

        def start_raylet(self, *arguments: Any, **options: Any) -> None:
            # The raylet waits until this file says where the agent listens, 2 to 5 seconds, and gives up after 15
            # (ray-project/ray#65983). The port is decided already.
            port = self._ray_params.dashboard_agent_listen_port
            persist_port(self._session_dir, self._node_id, "dashboard_agent_listen_port", port)
            super().start_raylet(*arguments, **options)

    folder = run / "ray"
    folder.mkdir(exist_ok=True)
    names = ("node_manager", "object_manager", "dashboard_agent_listen", "runtime_env_agent", "metrics_agent")
    ports = {f"{name}_port": port for name, port in zip(names, plan.ray_ports, strict=False)}
    parameters = RayParams(
        **ports,
        metrics_export_port=plan.ray_ports[len(names)],
        node_ip_address=LOOPBACK,
        num_cpus=plan.logical_cpus,
        num_gpus=None,
        resources={},
        object_store_memory=plan.object_store_bytes,
        temp_dir=str(folder),
        session_name=f"session_{os.getpid()}",
        include_dashboard=False,
        include_log_monitor=False,
        no_monitor=True,
    )
    # spawn_reaper: the kernel kills Ray's processes when this one dies, whatever it dies of.
    return LeanNode(parameters, head=True, shutdown_at_exit=False, spawn_reaper=True)
