"""Members within this process, a thread each: for simulations and tests."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

from epitaxy.consortium.domain.errors import MemberMissingError

Handler = Callable[[bytes], bytes]
# How soon the death of a member is seen while others are waited for.
_POLL_S = 0.2


class InProcessFederation:
    """Calls members' handlers.

    Args:
        handlers: By member.
    """

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = dict(handlers)
        self._pool = ThreadPoolExecutor(max_workers=len(self._handlers), thread_name_prefix="member")
        self._gone: set[str] = set()
        self._lock = threading.Lock()

    @property
    def names(self) -> Sequence[str]:
        """Members that can be asked."""
        return tuple(name for name in self._handlers if name not in self._gone)

    def kill(self, name: str) -> None:
        """The member answers no more, as if its process had died."""
        with self._lock:
            self._gone.add(name)

    def exchange(self, messages: Mapping[str, bytes], timeout_s: float) -> Mapping[str, bytes]:
        """All answers or none, see the port."""
        missing = sorted(set(messages) - set(self.names))
        if missing:
            raise _missing(missing)
        until = time.monotonic() + timeout_s
        asked = {name: self._pool.submit(self._handlers[name], message) for name, message in messages.items()}
        while time.monotonic() < until and not self._gone & set(messages):
            if not wait(asked.values(), timeout=min(_POLL_S, max(0.0, until - time.monotonic()))).not_done:
                break
        late = sorted(name for name, future in asked.items() if name in self._gone or not _has_answer(future))
        if late:
            raise _missing(late)
        return {name: future.result() for name, future in asked.items()}

    def close(self) -> None:
        """Lets members go."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _has_answer(future: "Future[bytes]") -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def _missing(names: Sequence[str]) -> MemberMissingError:
    message = f"{', '.join(names)} did not answer in time: the round has failed, and no sum of it is opened"
    return MemberMissingError(message, missing=tuple(names))
