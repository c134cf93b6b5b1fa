"""Ray and the prediction application on it, as one part of the stack that is started once more if it is lost."""

import time
from contextlib import suppress
from typing import Any

from epitaxy.stack.child import Child
from epitaxy.stack.driver import EXIT_REFUSED, driver_command, driver_input
from epitaxy.stack.errors import StackError
from epitaxy.stack.events import Event, EventReader
from epitaxy.stack.home import StackHome
from epitaxy.stack.keeper import obituary
from epitaxy.stack.plan import StackPlan
from epitaxy.stack.progress import Progress
from epitaxy.stack.reaper import Reaper

PATIENCE_SECONDS = 300.0
# What is lost again within this time after it was started once more has a cause that does not pass.
_TRIAL_SECONDS = 600.0


class Application:
    """The driver's process with all that is below it, and what it tells.

    Attributes:
        is_up: Whether the application answers, as far as is known.
        endpoints: What belongs into the endpoints file, by part.
    """

    def __init__(self, plan: StackPlan, home: StackHome, reaper: Reaper, progress: Progress) -> None:
        self._plan, self._home, self._reaper, self._progress = plan, home, reaper, progress
        self._redis_url = ""
        self._events = EventReader()
        self._driver: Child | None = None
        self._began = 0.0
        self._began_again: float | None = None
        self.is_up = False
        self.endpoints: dict[str, Any] = {}

    @property
    def session(self) -> int | None:
        """Session of all its processes; None before the start."""
        return None if self._driver is None else self._driver.pid

    def start(self, redis_url: str) -> None:
        """Starts the driver, which reports by events."""
        self._redis_url = redis_url
        self._began, self.is_up = time.monotonic(), False
        self._driver = Child(driver_command(self._home, self._events.write_end), self._reaper)
        self._events.close_write_end()
        # A driver that died at once is reported as a death, with its log.
        with suppress(BrokenPipeError):
            if self._driver.process.stdin is not None:
                self._driver.process.stdin.write(driver_input(self._plan, self._home.run, redis_url))
                self._driver.process.stdin.close()
        self._progress.detail("ray", "starting")

    def take_events(self) -> list[Event]:
        """What came since the last call, noted and told to the operator."""
        events = self._events.read()
        for event in events:
            self.endpoints |= {event.part: event.endpoints} if event.endpoints else {}
            if event.is_up:
                self._progress.done(event.part)
            else:
                self._progress.detail(event.part, event.detail)
            self.is_up = self.is_up or (event.is_up and event.part == "prediction")
        return events

    def keep(self) -> None:
        """Starts it once more if it is lost. Raises StackError if that is not worth a try, or if it hangs."""
        if self._driver is None:
            return
        if self._driver.exit_code is not None:
            self._begin_again(obituary(self._driver))
        elif not self.is_up and time.monotonic() - self._began > PATIENCE_SECONDS:
            raise StackError(f"not up after {PATIENCE_SECONDS:.0f} s; logs: {self._home.logs}")

    def stop(self) -> None:
        """Kills everything at once: nothing of it outlives it, and jobs begin again later."""
        if self._driver is not None:
            self._driver.stop(0)
        self._events.close()

    def _begin_again(self, death: str) -> None:
        is_refusal = self._driver is not None and self._driver.exit_code == EXIT_REFUSED
        on_trial = self._began_again is not None and time.monotonic() - self._began_again < _TRIAL_SECONDS
        if is_refusal:
            raise StackError(death)
        if on_trial:
            raise StackError(f"{death}; it had been started once more already: start the stack again")
        self._progress.say(f"{death}; starting Ray and the application once more, what is asked meanwhile waits")
        self._began_again = time.monotonic()
        self.stop()
        self._events = EventReader()
        self.start(self._redis_url)
