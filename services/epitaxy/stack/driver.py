"""``python -m epitaxy.stack.driver``: starts Ray and the Serve application, and watches them.

Reads its plan as one line of JSON from stdin and runs until it is killed. There is no orderly shutdown: neither Ray nor
Serve holds anything that outlives them, so the supervisor kills the session, which is immediate in any state.
"""

import importlib
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from epitaxy.registry.environment import registry_environment
from epitaxy.stack.child import Command
from epitaxy.stack.errors import StackError
from epitaxy.stack.events import Event, EventWriter
from epitaxy.stack.home import StackHome
from epitaxy.stack.inner_services import SECRET_FILE
from epitaxy.stack.plan import StackPlan
from epitaxy.stack.ray_head import RayHead, ray_environment
from epitaxy.stack.serve_config import shipped_config
from epitaxy.stack.worker import import_serve

_POLL_SECONDS = 0.2
_REPLICAS_SETTING = "EPITAXY_PREDICTION_INTAKE_REPLICAS"
_CACHE_SETTING = "EPITAXY_PREDICTION_CACHE_FOLDER"
_SECRET_SETTING = "EPITAXY_PREDICTION_GATEWAY_SECRET_FILE"
_WATCH_SECONDS = 0.5
EXIT_REFUSED = 2
"""Exit code if another try would fail in the same way."""


def driver_command(home: StackHome, events: int) -> Command:
    """Command of the driver, which writes its events into this file descriptor."""
    arguments = [sys.executable, "-m", "epitaxy.stack.driver", str(events)]
    # Replicas inherit it and serve the models that this stack's own jobs register.
    environment = {**registry_environment(home.folder / "registry"), **ray_environment(home.run)}
    return Command("ray", arguments, home.logs / "ray.log", environment, (events,), stdin=True)


def driver_input(plan: StackPlan, run: Path, redis_url: str) -> bytes:
    """The line that the driver reads first. It is not an argument, because every user of the machine can read those."""
    return json.dumps({"plan": asdict(plan), "run": str(run), "redis_url": redis_url}).encode() + b"\n"


def main() -> int:
    """Runs until Ray dies, which ends the process in any state that it is in."""
    events = EventWriter(int(sys.argv[1]))
    given = json.loads(sys.stdin.buffer.readline())
    plan = StackPlan(**given["plan"])
    head = RayHead(plan, Path(given["run"]))
    watcher = threading.Thread(target=_end_with, args=(head,), daemon=True)
    watcher.start()
    events.send(Event("ray", True, "", head.endpoints))
    _deploy(plan, given["redis_url"], Path(given["run"]), events)
    watcher.join()
    return 1


def _deploy(plan: StackPlan, redis_url: str, run: Path, events: EventWriter) -> None:
    events.send(Event("prediction", detail="loading Serve"))
    import_serve()
    from ray import serve  # noqa: PLC0415  # after pandas was kept out of Serve

    starting = _Background(lambda: _start_serve(plan))
    events.send(Event("prediction", detail="loading the application"))
    application = _build_application(plan, redis_url, run)
    # Only the controller is needed: replicas load while Serve's proxy starts.
    _await_controller(starting)
    target = serve.RunTarget(target=application, name=plan.application_name, route_prefix=f"/{plan.application_name}")
    serve.run_many([target], wait_for_applications_running=False)
    starting.result()
    _await_running(plan, events)


def _start_serve(plan: StackPlan) -> None:
    from ray import serve  # noqa: PLC0415
    from ray.serve.config import gRPCOptions  # noqa: PLC0415

    serve.start(
        proxy_location="HeadOnly",
        # Serve cannot run without its HTTP proxy (ray-project/ray#38788), and port 8000 is often taken.
        http_options={"host": "127.0.0.1", "port": plan.http_port},
        grpc_options=gRPCOptions(
            port=plan.serve_port, grpc_servicer_functions=list(plan.servicer_functions), enable_reflection=False
        ),
        logging_config=shipped_config().logging,
    )


def _build_application(plan: StackPlan, redis_url: str, run: Path) -> Any:
    arguments = {**shipped_config().arguments, "redis_url": redis_url}
    if not redis_url and _CACHE_SETTING not in os.environ:
        arguments["cache_folder"] = str(run / "cache")
    secret = run / SECRET_FILE
    if _SECRET_SETTING not in os.environ and secret.exists():
        arguments["gateway_secret_file"] = str(secret)
    # An argument would override the environment.
    if _REPLICAS_SETTING not in os.environ:
        arguments["intake_replicas"] = plan.intake_replicas
    return _builder(plan)(arguments)


def _builder(plan: StackPlan) -> Callable[[dict[str, Any]], Any]:
    """The prediction application's builder, or the one that the operator named instead."""
    if plan.application == shipped_config().import_path:
        from epitaxy.prediction.app import build_application  # noqa: PLC0415  # after pandas was kept out of Serve

        return build_application
    module, _, function = plan.application.partition(":")
    return getattr(importlib.import_module(module), function)  # type: ignore[no-any-return]  # by name


def _await_running(plan: StackPlan, events: EventWriter) -> None:
    """Polls faster than Serve's own wait, which looks once a second."""
    from ray import serve  # noqa: PLC0415

    told = ""
    while True:
        application = serve.status().applications[plan.application_name]
        if application.status == "RUNNING":
            return events.send(Event("prediction", True, "", {"grpc": plan.serve_address}))
        if application.status == "DEPLOY_FAILED":
            raise StackError(f"the application did not start: {_reason(application)}")
        detail = _replicas(application)
        if detail != told:
            events.send(Event("prediction", detail=detail))
        told = detail
        time.sleep(_POLL_SECONDS)


def _reason(application: Any) -> str:
    """Last line of the traceback of the first deployment that failed; the application's message only names it."""
    for name, deployment in application.deployments.items():
        lines = [line.strip() for line in deployment.message.splitlines() if line.strip()]
        if deployment.status == "DEPLOY_FAILED" and lines:
            return f"{name}: {lines[-1]}"
    return str(application.message)


def _replicas(application: Any) -> str:
    parts = []
    for name, deployment in application.deployments.items():
        states = {str(state): count for state, count in deployment.replica_states.items()}
        parts.append(f"{name} {states.get('RUNNING', 0)}/{max(1, sum(states.values()))}")
    return ", ".join(parts)


def _end_with(head: RayHead) -> None:
    """Ends this process when a process of Ray has died, in the middle of a start, too: calls to it would hang."""
    logs = head.endpoints["logs"]
    while not (dead := head.dead_process()):
        time.sleep(_WATCH_SECONDS)
    with suppress(OSError):
        sys.stderr.write(f"{dead} of Ray has died; its logs: {logs}\n")
        sys.stderr.flush()
    os._exit(1)


def _await_controller(starting: "_Background") -> None:
    import ray  # noqa: PLC0415

    while not starting.is_over:
        try:
            ray.get_actor("SERVE_CONTROLLER_ACTOR", namespace="serve")
        except ValueError:  # not yet
            time.sleep(_POLL_SECONDS / 4)
        else:
            return


class _Background:
    """Work in a thread that does not keep the process alive."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def result(self) -> None:
        """Waits for the end; raises what the work raised."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # `result` raises it again
            self._failure = error


if __name__ == "__main__":
    try:
        code = main()
    except StackError:
        traceback.print_exc()
        code = EXIT_REFUSED
    except Exception:
        traceback.print_exc()
        code = 1
    # Not through Ray's exit handlers, which wait for replicas: the supervisor kills the session next.
    sys.stderr.flush()
    os._exit(code)
