"""A progress bar in the output of a notebook's cell; one line of stderr where no notebook runs."""

import sys
from collections.abc import Callable
from typing import Any, Protocol

from epitaxy.client.notebook.markup import bar


class Progress(Protocol):
    """What a bar shows: ``RunSummary`` and ``JobEvent`` are such."""

    @property
    def fraction(self) -> float | None:
        """Part that is done, 0 to 1; None if nobody knows the total."""

    def in_words(self) -> str:
        """The progress in one line."""


def notebook_progress() -> Callable[[Progress], None]:
    """Returns a progress bar for one screening or one job.

    ::

        client.screen(crystals, on_progress=notebook_progress())
        job.wait(on_event=notebook_progress())

    The bar belongs to the cell that shows it first. Outside of a notebook it is one line on stderr.
    """
    return (_Cell() if _is_in_notebook() else _Line()).tell


class _Cell:
    def __init__(self) -> None:
        self._handle: Any = None

    def tell(self, progress: Progress) -> None:
        # IPython is there: the notebook runs in it. The client does without it everywhere else.
        from IPython.display import display  # noqa: PLC0415

        bundle = {"text/html": bar(progress.fraction, progress.in_words()), "text/plain": progress.in_words()}
        if self._handle is None:
            # IPython has no annotations.
            self._handle = display(bundle, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(bundle, raw=True)


class _Line:
    def __init__(self) -> None:
        self._width = 0

    def tell(self, progress: Progress) -> None:
        text = progress.in_words()
        end = "\n" if progress.fraction == 1 else ""
        sys.stderr.write(f"\r{text:<{self._width}}{end}")
        sys.stderr.flush()
        self._width = len(text)


def _is_in_notebook() -> bool:
    """True in a kernel. In IPython's terminal a bar would be printed again at each update."""
    loaded = sys.modules.get("IPython")  # whoever runs in a kernel has it loaded
    shell = loaded.get_ipython() if loaded is not None else None
    return getattr(shell, "kernel", None) is not None
