"""A screening from inputs to table: requests the answers that the journal lacks, then writes the table from it."""

import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from rich.console import Console

from epitaxy.cli import exit_codes
from epitaxy.cli.conditions import ConditionPlan
from epitaxy.cli.inputs import print_reading
from epitaxy.cli.refused.table_file import write_refused
from epitaxy.cli.screen.journal import Journal, JournalError
from epitaxy.cli.screen.model_check import check_properties, exact_name, read_measurements, with_conditions
from epitaxy.cli.screen.outcome import OutcomeTally
from epitaxy.cli.screen.part_writer import STRUCTURES_A_PART
from epitaxy.cli.screen.parts import MANIFEST, PartFolder
from epitaxy.cli.screen.progress import show_progress
from epitaxy.cli.screen.ranking import Ranking
from epitaxy.cli.screen.stores import AnswerStore, PartStore, TableStore
from epitaxy.cli.terminal import stdout_console, usage_error
from epitaxy.cli.wording import describe
from epitaxy.client import Client, EpitaxyClientError, ModelCard
from epitaxy.client.defaults import STRUCTURE_COLUMN
from epitaxy.client.inputs.blocks import CellBlock, InputBlock
from epitaxy.client.inputs.inventory import Inventory
from epitaxy.client.inputs.item import InputItem
from epitaxy.client.inputs.reading_log import ReadingLog


class JournalPolicy(Enum):
    """How to treat the journal of an earlier run."""

    REFUSE = "refuse"
    RESUME = "resume"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class ScreenPlan:
    """What the command line asks for.

    Attributes:
        properties: Properties to predict; empty for all of the model's.
        known_columns: Table columns of known values that the model takes as inputs.
        top: Number of rows in the ranking; None for no ranking.
        sort: Property of the ranking; None for the first property predicted.
        refused: File for the refused inputs; None to write none.
        conditions: Conditions under which the structures are asked about.
        part_size: Inputs in a part, if ``out`` is a folder.
    """

    out: Path
    model: str | None
    properties: tuple[str, ...]
    known_columns: tuple[str, ...]
    coverage: float
    chunk_size: int | None
    bypass_cache: bool
    journal: JournalPolicy
    top: int | None
    sort: str | None
    ascending: bool
    measured: Path | None
    refused: Path | None = None
    conditions: ConditionPlan = field(default_factory=ConditionPlan)
    part_size: int = STRUCTURES_A_PART


def journal_path(out: Path) -> Path:
    """Path of the journal, which keeps the answers until the table is written; of a folder, the list of its parts."""
    return out / MANIFEST if is_folder(out) else out.with_name(f"{out.name}.journal")


def is_folder(out: Path) -> bool:
    """Whether a table is to be a folder of parts: its name has no ending."""
    return not out.suffix


class ScreenJob:
    """One run of ``epitaxy screen``."""

    def __init__(self, client: Client, inventory: Inventory, plan: ScreenPlan, console: Console) -> None:
        self._client = client
        self._inventory = inventory
        self._plan = plan
        self._console = console
        self._began = time.monotonic()
        self._n_screened, self._screening_seconds = 0, 0.0
        self._log = ReadingLog(list(inventory.ignored), inventory.n_ignored)

    def run(self) -> int:
        """Runs the screening and returns the exit code. Raises EpitaxyClientError if the model does not exist."""
        card = self._client.get_model(self._plan.model)
        self._inventory = with_conditions(self._inventory, self._plan.conditions, card)
        ranking = self._ranking(card)
        measured = None if ranking is None else read_measurements(self._plan.measured, ranking.property_name)
        store = self._open_store(card)
        try:
            self._screen(store, exact_name(card))
            tally = OutcomeTally(keeps_errors=self._plan.refused is not None)
            n_rows = store.write(tally, ranking)
            n_refused = self._write_refused(tally)
        except KeyboardInterrupt:
            return self._leave(store, "interrupted", exit_codes.INTERRUPTED)
        except EpitaxyClientError as error:
            return self._leave(store, str(error), exit_codes.RUN_FAILED)
        except OSError as error:
            return self._leave(store, describe(error, store.path), exit_codes.RUN_FAILED)
        store.remove()
        if ranking is not None:
            stdout_console().print(ranking.table(measured))
        self._print_summary(tally, n_rows)
        if self._plan.refused is not None:
            self._console.print(f"wrote     {self._plan.refused} ({n_refused} refused inputs)", soft_wrap=True)
        return tally.exit_code

    def _screen(self, store: AnswerStore, model: str | None) -> None:
        """Adds the answers that are missing to what is kept."""
        plan, began = self._plan, time.monotonic()
        # Progress is reported once per block, so what is kept is synced as often.
        run = self._client.screen(
            self._missing_inputs(store),
            plan.properties,
            model,
            coverage=plan.coverage,
            chunk_size=plan.chunk_size,
            on_progress=lambda _: store.sync(),
            bypass_cache=plan.bypass_cache,
            conditions=plan.conditions.values,
        )
        with show_progress(self._console, self._inventory.count(), store.n_answers) as progress, run:
            for answers in run.columns():
                store.append(answers)
                self._n_screened += len(answers)
                progress.advance(len(answers))
        self._screening_seconds = time.monotonic() - began

    def _missing_inputs(self, store: AnswerStore) -> Iterator[InputItem | InputBlock]:
        """Inputs without an answer; crystals of Parquet tables in blocks."""
        index, is_fresh = 0, store.n_answers == 0
        for part in self._inventory.read_blocks(self._log):
            if isinstance(part, CellBlock):
                block = InputBlock(part, index)
                yield from [block] if is_fresh else _missing_of(block, store)
                index += len(part)
                continue
            if index not in store:
                yield InputItem(part[0], index, part[1])
            index += 1

    def _print_summary(self, tally: OutcomeTally, n_rows: int) -> None:
        elapsed = time.monotonic() - self._began
        tally.print(self._console, self._n_screened, self._screening_seconds, elapsed)
        print_reading(self._console, self._log.n_ignored, self._log.ignored, [*self._log.notes, *tally.remarks])
        self._console.print(f"wrote     {self._plan.out} ({n_rows} rows)", soft_wrap=True)

    def _write_refused(self, tally: OutcomeTally) -> int:
        path = self._plan.refused
        return 0 if path is None else write_refused(path, self._inventory, tally.errors)

    def _leave(self, store: AnswerStore, reason: str, code: int) -> int:
        """Closes what is kept, and says how to continue."""
        n_answers = store.close()
        self._console.print(f"epitaxy: {reason}", soft_wrap=True)
        if n_answers:
            self._console.print(f"{n_answers} answers are kept; to continue: {_resume_command()}", soft_wrap=True)
        return code

    def _open_store(self, card: ModelCard) -> AnswerStore:
        restart, out, run = self._plan.journal is JournalPolicy.RESTART, self._plan.out, self._fingerprint(card)
        try:
            if is_folder(out):
                return PartStore(PartFolder(out, run, restart=restart), self._plan.part_size)
            return TableStore(Journal(journal_path(out), run, restart=restart), out)
        except JournalError as error:
            raise usage_error(str(error)) from None

    def _fingerprint(self, card: ModelCard) -> dict[str, Any]:
        """Everything that must stay the same between a run and its resumption."""
        columns = self._inventory.columns
        return {
            "inputs": self._inventory.fingerprint(),
            "model": f"{card.name}:{card.version}",
            "weights": card.digest,
            "properties": list(self._plan.properties),
            "coverage": self._plan.coverage,
            # Left out if there are none, so that the journal of an earlier release can be resumed.
            **({"known_columns": list(self._plan.known_columns)} if self._plan.known_columns else {}),
            **self._plan.conditions.as_record(),
            **({"structure_column": columns.structure} if columns.structure != STRUCTURE_COLUMN else {}),
            **({"id_column": columns.id} if columns.id is not None else {}),
        }

    def _ranking(self, card: ModelCard) -> Ranking | None:
        """Makes the ranking that was asked for. Fails early if the model lacks a property."""
        plan = self._plan
        check_properties(plan.properties, card)
        wanted = list(plan.properties) or [part.name for part in card.properties]
        if plan.top is None:
            return None
        if plan.sort is not None and plan.sort not in wanted:
            raise usage_error(f"--sort {plan.sort} is not one of the predicted properties: {', '.join(wanted)}")
        chosen = plan.sort or wanted[0]
        theory = next(part.level_of_theory for part in card.properties if part.name == chosen)
        return Ranking(chosen, plan.top, ascending=plan.ascending, level_of_theory=theory)


def _missing_of(block: InputBlock, store: AnswerStore) -> Iterator[InputItem | InputBlock]:
    are_missing = [index not in store for index in range(block.start, block.start + len(block))]
    if all(are_missing):
        yield block
    elif any(are_missing):
        yield from (item for item, is_missing in zip(block.items(), are_missing, strict=True) if is_missing)


def _resume_command() -> str:
    arguments = [argument for argument in sys.argv[1:] if argument not in ("--resume", "--restart")]
    return shlex.join(["epitaxy", *arguments, "--resume"])
