"""Starts the parts of the stack, watches them, stops them."""

import os
import signal
import sys
import threading
from contextlib import ExitStack, closing, suppress
from types import FrameType
from typing import Any

from epitaxy.chassis.cores import usable_cores
from epitaxy.stack.application import Application
from epitaxy.stack.errors import StackError
from epitaxy.stack.gateway import HealthProbe, gateway_command
from epitaxy.stack.home import StackHome
from epitaxy.stack.inner_services import NAMES as INNER_SERVICES
from epitaxy.stack.inner_services import InnerServices
from epitaxy.stack.keeper import Keeper, obituary
from epitaxy.stack.logs import LogKeeper
from epitaxy.stack.plan import StackPlan
from epitaxy.stack.ports import LOOPBACK
from epitaxy.stack.progress import Progress
from epitaxy.stack.reaper import Reaper
from epitaxy.stack.redis import redis_binary, redis_command, redis_url

PARTS = ("redis", "ray", "prediction", *INNER_SERVICES, "gateway")
_TICK_SECONDS = 0.1
_WATCH_SECONDS = 0.25
# A start that takes longer than this on a busy machine deserves a word.
_LONG_START_SECONDS = 20.0
_GATEWAY_GRACE_SECONDS = 3.0
_REDIS_GRACE_SECONDS = 1.0


class Supervisor:
    """Runs one stack from start to stop. Signal handlers only set a flag, so no child is ever lost half-started."""

    def __init__(self, plan: StackPlan, home: StackHome, progress: Progress) -> None:
        self._plan = plan
        self._home = home
        self._progress = progress
        self._stopping = threading.Event()
        self._signal = 0
        self._reaper = Reaper()
        self._application = Application(plan, home, self._reaper, progress)
        self._logs = LogKeeper(home.logs, home.run / "ray", lambda: self._application.session)
        self._redis: Keeper | None = None
        self._gateway: Keeper | None = None
        self._inner = InnerServices(plan, home, self._reaper, progress)
        self._redis_was_reported = False
        self._endpoints_are_late = False
        self._busy_was_reported = False

    def run(self) -> int:
        """Returns the exit code: 0 if stopped, 1 if it failed, 128 + signal if stopped before it was up."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        try:
            self._start()
            if not self._await_ready():
                return 128 + self._signal
            self._announce()
            self._watch()
        except StackError as error:
            self._progress.close()
            self._progress.say(f"epitaxy: {error}")
            return 1
        finally:
            self._stop()
        return 0

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        self._signal = number
        self._stopping.set()

    def _start(self) -> None:
        """Starts all parts at once: each part tolerates that another is not up yet."""
        url = self._plan.redis_url or self._start_redis()
        self._inner.prepare()
        self._application.start(url)
        command = gateway_command(self._plan, self._home, self._inner.secret, self._inner.addresses)
        self._gateway = Keeper(command, self._reaper)
        self._progress.detail("gateway", "starting")

    def _start_redis(self) -> str:
        binary = redis_binary()
        if binary is None:
            advice = "replicas share a cache file instead; Redis would come from: apt-get install redis-server"
            self._progress.done("redis", f"redis-server is not installed: {advice}", "!")
            return ""
        self._redis = Keeper(redis_command(binary, self._home), self._reaper)
        self._progress.done("redis")
        return redis_url(self._home)

    def _await_ready(self) -> bool:
        """True when the gateway and the services behind it answer SERVING; False when asked to stop."""
        addresses = {"gateway": self._plan.probe_address, **self._inner.addresses}
        with ExitStack() as stack:
            stack.callback(self._progress.close)
            waiting = {name: stack.enter_context(closing(HealthProbe(each))) for name, each in addresses.items()}
            while not self._stopping.wait(_TICK_SECONDS):
                self._take_events()
                self._fail_if_dead()
                self._tell_if_busy()
                self._logs.look()
                for name in [name for name, probe in waiting.items() if self._can_be_up(name) and probe.is_serving()]:
                    self._progress.done(name)
                    del waiting[name]
                if not waiting:
                    return True
                self._progress.tick()
        return False

    def _can_be_up(self, name: str) -> bool:
        return self._application.is_up if name == "gateway" else self._inner.is_started(name)

    def _take_events(self) -> bool:
        """True if something is up that was not."""
        news = [event for event in self._application.take_events() if event.is_up]
        for event in news:
            if event.part == "ray":
                self._inner.start(event.endpoints["gcs"])
        return bool(news)

    def _fail_if_dead(self) -> None:
        self._application.keep()
        gateway = self._gateway.child if self._gateway is not None else None
        for child in (gateway, *self._inner.children):
            if child is not None and child.exit_code is not None:
                raise StackError(obituary(child))
        self._keep_redis()

    def _tell_if_busy(self) -> None:
        load, cores = os.getloadavg()[0], usable_cores()
        if self._busy_was_reported or self._progress.elapsed_seconds < _LONG_START_SECONDS or load < 2 * cores:
            return
        self._busy_was_reported = True
        busy = f"this machine is busy ({load:.0f} processes want {cores} cores)"
        self._progress.say(f"{busy}: the start takes longer, and what fails for want of time is tried once more")

    def _announce(self) -> None:
        self._write_endpoints()
        self._progress.close()
        self._progress.say(f"up after {self._progress.elapsed_seconds:.1f} s; logs: {self._home.logs}")
        metrics = self._application.endpoints["ray"]["metrics"]
        self._progress.say(f"metrics: gateway {self._gateway_metrics}, Ray and replicas {metrics}")
        self._progress.say(f"addresses and pids: {self._home.endpoints_file}; stop with Ctrl-C")
        # Through the same stream as any result: a script waits for exactly this line.
        with suppress(OSError):  # a full disk under a file that takes it
            sys.stdout.write(f"ready {self._plan.address}\n")
            sys.stdout.flush()

    @property
    def _gateway_metrics(self) -> str:
        return f"http://{LOOPBACK}:{self._plan.gateway_metrics_port}/metrics"

    def _write_endpoints(self) -> None:
        redis_pid = self._redis.child.pid if self._redis is not None else None
        own: dict[str, Any] = {
            "pid": os.getpid(),
            "gateway": {
                "address": self._plan.address,
                "metrics": self._gateway_metrics,
                "pid": self._gateway.child.pid if self._gateway is not None else None,
            },
            "redis": {"url": self._plan.redis_url or (redis_url(self._home) if redis_pid else ""), "pid": redis_pid},
        }
        try:
            self._home.write_endpoints(own | self._inner.endpoints() | self._application.endpoints)
        except OSError as error:
            if not self._endpoints_are_late:
                late = "it is written once that is possible, and the stack goes on"
                self._progress.say(f"cannot write {self._home.endpoints_file}: {error.strerror}; {late}")
            self._endpoints_are_late = True
        else:
            self._endpoints_are_late = False

    def _watch(self) -> None:
        """Returns when asked to stop. Raises StackError when Ray is lost again soon after it was started once more."""
        while not self._stopping.wait(_WATCH_SECONDS):
            self._application.keep()
            if self._take_events() or self._endpoints_are_late:
                self._write_endpoints()
            self._logs.look()
            self._keep_redis()
            if self._gateway is not None:
                self._keep(self._gateway, "starting it again")
            for keeper, consequence in self._inner.kept():
                self._keep(keeper, consequence)

    def _keep_redis(self) -> None:
        if self._redis is not None:
            consequence = (
                "" if self._redis_was_reported else "answers go on without the shared cache, starting it again"
            )
            self._redis_was_reported = self._keep(self._redis, consequence) or self._redis_was_reported

    def _keep(self, keeper: Keeper, consequence: str) -> bool:
        """Restarts a dead child; True if it was found dead. Says so only if ``consequence`` is not empty."""
        death = keeper.died()
        if death is not None and consequence:
            self._progress.say(f"{death}; {consequence}")
        if keeper.revive():
            self._write_endpoints()
        return death is not None

    def _stop(self) -> None:
        """Stops the gateway first, which lets calls end, then Ray, whose jobs begin again later, and the cache last."""
        self._progress.close()
        if self._gateway is not None:
            self._gateway.child.stop(_GATEWAY_GRACE_SECONDS)
        self._inner.stop()
        self._application.stop()
        if self._redis is not None:
            self._redis.child.stop(_REDIS_GRACE_SECONDS)
        self._reaper.close()
