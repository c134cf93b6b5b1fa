"""A search from inputs to the table of the best: best first, then the refused inputs."""

import dataclasses
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from epitaxy.cli import exit_codes
from epitaxy.cli.conditions import ConditionPlan
from epitaxy.cli.inputs import print_reading
from epitaxy.cli.refused.table_file import write_refused
from epitaxy.cli.screen.model_check import check_properties, exact_name, read_measurements, with_conditions
from epitaxy.cli.screen.outcome import OutcomeTally
from epitaxy.cli.screen.ranking import Measurements, ranking_table
from epitaxy.cli.screen.search_plan import SearchPlan
from epitaxy.cli.screen.table_file import write_table
from epitaxy.cli.terminal import print_object, stdout_console
from epitaxy.cli.wording import describe
from epitaxy.client import CandidateFate, Client, EpitaxyClientError, ModelCard, ScreenResult, SearchProgress, SearchRun
from epitaxy.client.errors import InvalidRequestError
from epitaxy.client.inputs.inventory import Inventory
from epitaxy.client.inputs.item import InputItem
from epitaxy.client.inputs.reading_log import ReadingLog
from epitaxy.client.results import ItemError
from epitaxy.client.screening.rows import COLUMNS, Row, rows_of

_MOST_SHOWN = 20
_SECONDS_A_LINE = 2.0
_MISTAKES = frozenset({"BEST_OVER_POOL", "UNKNOWN_PROPERTY", "TOO_MANY_CANDIDATES"})


@dataclass(frozen=True, slots=True)
class SearchFiles:
    """What a search reads beside its inputs, and what it writes; None for what is not wanted."""

    out: Path | None = None
    refused: Path | None = None
    measured: Path | None = None


@dataclass(frozen=True, slots=True)
class SearchQuestion:
    """What the model is asked about each structure, as in a screening of all of them."""

    model: str | None = None
    properties: tuple[str, ...] = ()
    coverage: float = 0.9
    bypass_cache: bool = False
    conditions: ConditionPlan = field(default_factory=ConditionPlan)


class SearchJob:
    """One run of ``epitaxy screen --best``."""

    def __init__(
        self,
        client: Client,
        inventory: Inventory,
        plan: SearchPlan,
        question: SearchQuestion,
        files: SearchFiles,
        console: Console,
    ) -> None:
        self._client, self._inventory, self._plan = client, inventory, plan
        self._question, self._files, self._console = question, files, console
        self._log = ReadingLog(list(inventory.ignored), inventory.n_ignored)
        self._tally = OutcomeTally(keeps_errors=False)
        self._errors: dict[int, ItemError] = {}
        self._error_rows: list[Row] = []
        self._began = self._told = time.monotonic()

    def run(self) -> int:
        """Runs the search and returns the exit code. Raises EpitaxyClientError if the model does not exist."""
        card = self._client.get_model(self._question.model)
        self._plan = self._plan.of_model(card)
        check_properties(self._question.properties, card)
        self._inventory = with_conditions(self._inventory, self._question.conditions, card)
        measured = read_measurements(self._files.measured, self._plan.goal.property)
        try:
            with self._open(card) as run:
                self._follow(run)
                return self._tell(run, card, measured)
        except KeyboardInterrupt:
            self._console.print(
                "epitaxy: interrupted; what was evaluated is in the server's cache, so that the same "
                "command soon comes to where it was",
                soft_wrap=True,
            )
            return exit_codes.INTERRUPTED
        except EpitaxyClientError as error:
            self._console.print(f"epitaxy: {error}", soft_wrap=True)
            return exit_codes.USAGE if error.reason in _MISTAKES else exit_codes.RUN_FAILED
        except OSError as error:
            self._console.print(f"epitaxy: {describe(error, self._files.out or Path())}", soft_wrap=True)
            return exit_codes.RUN_FAILED

    def _open(self, card: ModelCard) -> SearchRun:
        plan, question = self._plan, self._question
        return self._client.search(
            self._items(),
            plan.best,
            plan.goal,
            exact_name(card),
            where=plan.where,
            recall=plan.recall,
            in_domain=plan.in_domain,
            per_formula=plan.per_formula,
            properties=question.properties,
            coverage=question.coverage,
            bypass_cache=question.bypass_cache,
            conditions=question.conditions.values,
            on_progress=None if self._console.is_terminal else self._tell_progress,
        )

    def _items(self) -> Iterator[InputItem]:
        for index, (item_id, source) in enumerate(self._inventory.read(self._log)):
            yield InputItem(item_id, index, source)

    def _follow(self, run: SearchRun) -> None:
        """Takes answers as they come; keeps those that are none."""
        with ExitStack() as stack:
            shown = None
            if self._console.is_terminal:
                shown = stack.enter_context(self._console.status("searching"))
            for result in run:
                rows = rows_of(result)
                self._tally.see(rows, is_final=result.error is None or not result.error.retryable)
                if result.error is not None:
                    self._errors[result.index] = result.error
                    self._error_rows += rows
                if shown is not None:
                    shown.update(run.progress.in_words())

    def _tell_progress(self, progress: SearchProgress) -> None:
        now = time.monotonic()
        if now - self._told >= _SECONDS_A_LINE:
            self._told = now
            self._console.print(progress.in_words(), soft_wrap=True)

    def _tell(self, run: SearchRun, card: ModelCard, measured: Measurements | None) -> int:
        best = run.best()
        fates = [_fate_of(run, one) for one in self._plan.whys]
        if self._plan.as_json:
            print_object(self._document(run, best, fates))
        else:
            self._print_best(best, card, measured)
            for fate in fates:
                stdout_console().print(f"{fate.id}: {fate.fate}: {fate.words}", soft_wrap=True)
        self._write(best)
        self._print_summary(run, len(best))
        return self._tally.exit_code

    def _document(self, run: SearchRun, best: list[ScreenResult], fates: list[CandidateFate]) -> dict[str, object]:
        goal = self._plan.goal
        values = [next(one for one in result.predictions if one.property == goal.property) for result in best]
        return {
            **dataclasses.asdict(run.summary),
            "best": [
                {"rank": rank, "id": result.id, "formula": result.formula}
                | {"value": value.value, "lower": value.lower, "upper": value.upper, "unit": value.unit}
                for rank, (result, value) in enumerate(zip(best, values, strict=True), start=1)
            ],
            "why": [dataclasses.asdict(fate) for fate in fates],
        }

    def _print_best(self, best: list[ScreenResult], card: ModelCard, measured: Measurements | None) -> None:
        goal = self._plan.goal
        theory = next(part.level_of_theory for part in card.properties if part.name == goal.property)
        rows = [row for result in best[:_MOST_SHOWN] for row in rows_of(result) if row[_PROPERTY] == goal.property]
        order = {"max": "highest", "min": "lowest"}.get(goal.direction, f"nearest to {goal.target:g}:")
        end = "" if goal.end == "value" else f" by the {goal.end} end"
        more = f" of {len(best)}" if len(best) > len(rows) else ""
        title = f"{goal.property}{f' ({theory})' if theory else ''}, {order} {len(rows)}{more}{end}"
        stdout_console().print(ranking_table(title, rows, measured))

    def _write(self, best: list[ScreenResult]) -> None:
        if self._files.out is not None:
            n_rows = write_table(self._files.out, [*(row for one in best for row in rows_of(one)), *self._error_rows])
            self._console.print(f"wrote     {self._files.out} ({n_rows} rows)", soft_wrap=True)
        if self._files.refused is not None:
            n_refused = write_refused(self._files.refused, self._inventory, self._errors)
            self._console.print(f"wrote     {self._files.refused} ({n_refused} refused inputs)", soft_wrap=True)

    def _print_summary(self, run: SearchRun, n_best: int) -> None:
        summary, console = run.summary, self._console
        low, high = summary.recall_interval
        console.print(f"found     {n_best} of the wanted {self._plan.best}")
        console.print(f"evaluated {summary.n_evaluated} of {summary.n_candidates} ({summary.share_evaluated:.1%})")
        console.print(
            f"recall    {summary.recall_estimate:.4f}, 95 % interval {low:.4f} to {high:.4f}; "
            f"{summary.recall_target:g} was asked for"
        )
        for note in summary.notes:
            console.print(f"note      {note}", soft_wrap=True)
        elapsed = time.monotonic() - self._began
        self._tally.print(console, summary.n_candidates, elapsed, elapsed)
        print_reading(console, self._log.n_ignored, self._log.ignored, self._log.notes)


def _fate_of(run: SearchRun, candidate: str) -> CandidateFate:
    try:
        return run.why(candidate)
    except InvalidRequestError as error:
        return CandidateFate(candidate, "unknown", None, None, 0.0, None, error.message)


_PROPERTY = COLUMNS.index("property")
