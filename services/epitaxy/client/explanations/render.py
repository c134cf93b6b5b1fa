"""Explanations that draw themselves: as a figure, as a page, and in a notebook."""

from typing import TYPE_CHECKING

from epitaxy.client.explanations.page import article_of, error_of, page_of
from epitaxy.client.explanations.results import ExplanationResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Explanation(ExplanationResult):
    """An explanation that can be drawn. In a notebook it shows itself."""

    __slots__ = ()

    def plot(self) -> "Figure":
        """Draws the structure with its atoms coloured by contribution, and bars of elements and shells.

        Returns:
            A figure of matplotlib.

        Raises:
            ValueError: The structure has an error instead of an explanation.
            ImportError: matplotlib is not installed.
        """
        self._check_drawn()
        try:
            # Not everyone who explains draws.
            from epitaxy.client.explanations.figure import figure_of  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise ImportError("drawing needs matplotlib: pip install 'epitaxy[plots]'") from error
        return figure_of(self)

    def to_html(self) -> str:
        """Returns a self-contained page, without scripts and without anything to load.

        Raises:
            ValueError: The structure has an error instead of an explanation.
        """
        self._check_drawn()
        return page_of(self)

    def _repr_html_(self) -> str:
        return error_of(self) if self.error is not None else article_of(self)

    def _check_drawn(self) -> None:
        if self.error is not None:
            raise ValueError(f"{self.id} has no explanation: {self.error.reason}: {self.error.message}")
