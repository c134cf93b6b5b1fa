"""Where the answers of a screening are kept until the table is complete: in a journal beside it, or in its parts."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from epitaxy.cli.screen.journal import Journal
from epitaxy.cli.screen.outcome import OutcomeTally
from epitaxy.cli.screen.part_ranking import rank_parts
from epitaxy.cli.screen.part_writer import PartWriter
from epitaxy.cli.screen.parts import PartFolder
from epitaxy.cli.screen.ranking import Ranking
from epitaxy.cli.screen.table_file import write_table
from epitaxy.client.results import ItemError
from epitaxy.client.screening.columns import ScreenColumns
from epitaxy.client.screening.rows import Row


class AnswerStore(Protocol):
    """Keeps answers as they come, and makes the table of them."""

    @property
    def path(self) -> Path:
        """File or folder to name if writing fails."""

    @property
    def n_answers(self) -> int:
        """Answers of earlier runs, or, once the store is closed, those that are kept."""

    def __contains__(self, index: int) -> bool:
        """Whether the input at this position needs no answer."""

    def append(self, answers: ScreenColumns) -> None:
        """Takes some answers."""

    def sync(self) -> None:
        """Makes the answers so far safe, if the store keeps them one by one."""

    def write(self, tally: OutcomeTally, ranking: Ranking | None) -> int:
        """Completes the table, counts and ranks all answers, and returns the number of rows."""

    def close(self) -> int:
        """Gives up before the end, and returns the number of answers that are kept."""

    def remove(self) -> None:
        """Removes what only an unfinished run needs."""


class TableStore:
    """AnswerStore of a table in one file."""

    def __init__(self, journal: Journal, out: Path) -> None:
        self._journal, self._out = journal, out
        self.path = journal.path

    @property
    def n_answers(self) -> int:
        """As AnswerStore."""
        return self._journal.n_answers

    def __contains__(self, index: int) -> bool:
        return index in self._journal

    def append(self, answers: ScreenColumns) -> None:
        """As AnswerStore."""
        self._journal.append(answers)

    def sync(self) -> None:
        """As AnswerStore."""
        self._journal.sync()

    def write(self, tally: OutcomeTally, ranking: Ranking | None) -> int:
        """As AnswerStore."""
        return write_table(self._out, self._rows(tally, ranking))

    def close(self) -> int:
        """As AnswerStore."""
        return self._journal.close()

    def remove(self) -> None:
        """As AnswerStore."""
        self._journal.remove()

    def _rows(self, tally: OutcomeTally, ranking: Ranking | None) -> Iterator[Row]:
        """The rows of the table in the order of the inputs, counted and ranked as they go by."""
        for rows, is_final in self._journal.in_order():
            tally.see(rows, is_final=is_final)
            for row in rows:
                if ranking is not None:
                    ranking.see(row)
                yield row


class PartStore:
    """AnswerStore of a table in a folder of parts."""

    def __init__(self, folder: PartFolder, structures_a_part: int) -> None:
        self._folder, self._writer = folder, PartWriter(folder, structures_a_part)
        self.path = folder.path

    @property
    def n_answers(self) -> int:
        """As AnswerStore."""
        return self._writer.n_answers

    def __contains__(self, index: int) -> bool:
        return index in self._writer

    def append(self, answers: ScreenColumns) -> None:
        """As AnswerStore."""
        self._writer.append(answers)

    def sync(self) -> None:
        """Parts are safe as they are written."""

    def write(self, tally: OutcomeTally, ranking: Ranking | None) -> int:
        """As AnswerStore."""
        self._writer.finish()
        for part in self._folder.parts:
            tally.add_counts(part.counts)
        for index, reason, message in self._folder.errors():
            if not tally.note_error(index, ItemError(reason, message)):
                break
        rank_parts(self._folder, tally, ranking)
        return sum(part.n_rows for part in self._folder.parts)

    def close(self) -> int:
        """As AnswerStore."""
        with suppress(OSError):  # a full disk is told already
            self._writer.flush()
        n_kept = self._folder.end
        self._folder.close()
        return n_kept

    def remove(self) -> None:
        """The list of the parts stays: it says which run they are of."""
        self._folder.close()
