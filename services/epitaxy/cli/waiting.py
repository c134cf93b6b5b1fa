"""What a command waits for, on stderr, if it takes longer than a moment: a replica or a network that starts."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from epitaxy.cli.terminal import stderr_console

FIRST_CALL = "the first call after a pause may load a model or start a process, which takes up to half a minute"
_SECONDS_TO_FIRST_LINE, _SECONDS_A_LINE = 2.0, 10.0


@contextmanager
def show_waiting(text: str, hint: str = FIRST_CALL) -> Iterator[threading.Event]:
    """Says what takes so long: a spinner on a terminal, elsewhere a line after two seconds and now and then.

    Yields an event that ends the lines early, if it is set: an answer has come.
    """
    console, began, is_over = stderr_console(), time.monotonic(), threading.Event()

    def tell() -> None:
        seconds = _SECONDS_TO_FIRST_LINE
        while not is_over.wait(seconds):
            console.print(f"{text}, {time.monotonic() - began:.0f} s; {hint}", soft_wrap=True)
            seconds = _SECONDS_A_LINE

    teller = threading.Thread(target=tell, daemon=True)
    with console.status(f"{text}; {hint}") if console.is_terminal else nullcontext():
        if not console.is_terminal:
            teller.start()
        try:
            yield is_over
        finally:
            is_over.set()
            if teller.is_alive():
                teller.join()
