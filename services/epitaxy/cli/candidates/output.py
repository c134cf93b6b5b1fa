"""Where candidates go: a table or a pipe, and what is said of them."""

import csv
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from epitaxy.cli import exit_codes
from epitaxy.cli.terminal import print_object, stderr_console, usage_error

if TYPE_CHECKING:
    from epitaxy_models.candidates.candidate import Candidate, RefusedSource
    from epitaxy_models.candidates.materials import MaterialCandidate
    from epitaxy_models.candidates.table import TableForm
    from epitaxy_models.materials import MaterialKind

_C = TypeVar("_C", "Candidate", "MaterialCandidate")

_PIPE = "-"
_ENDINGS = (".parquet", ".jsonl")
_SHOWN_REASONS = 5


@dataclass
class Output:
    """The destination of one run.

    Attributes:
        path: The table; None for stdout.
        as_json: True to end with one JSON object.
        n_candidates: Candidates that were written.
        n_known: Those of them that are known.
        noun: What messages call a candidate.
    """

    path: Path | None
    as_json: bool
    n_candidates: int = 0
    n_known: int = 0
    noun: str = "crystal"

    @classmethod
    def of(cls, out: str, *, as_json: bool) -> "Output":
        """Checks ``--out``."""
        if out == _PIPE:
            if as_json:
                raise usage_error("--json and --out - both print to stdout: give only one of them")
            return cls(None, as_json)
        path = Path(out)
        if path.suffix.lower() not in _ENDINGS:
            raise usage_error(f"--out {out}: the name of the file must end in {', '.join(_ENDINGS)}, or be -")
        if not path.absolute().parent.is_dir():
            raise usage_error(f"--out {out}: the folder {path.parent} does not exist")
        return cls(path, as_json)

    @property
    def written(self) -> list[Path]:
        """Files that are not read again if they lie among the inputs."""
        return [] if self.path is None else [self.path, self._refused_path(self.path)]

    def write(self, candidates: "Iterable[Candidate]") -> None:
        """Writes all crystals."""
        from epitaxy_models.candidates.table import CRYSTALS  # noqa: PLC0415 - not in a client's install

        self._write(candidates, CRYSTALS)

    def write_materials(self, candidates: "Iterable[MaterialCandidate]", kind: "MaterialKind") -> None:
        """Writes all molecules, polymers or compositions."""
        from epitaxy_models.candidates.materials import material_form  # noqa: PLC0415 - not in a client's install

        self.noun = kind.noun
        self._write(candidates, material_form(kind))

    def _write(self, candidates: "Iterable[_C]", form: "TableForm[_C]") -> None:
        from epitaxy_models.candidates.table import write_lines, write_table  # noqa: PLC0415 - not in a client's install

        counted = self._counted(candidates)
        if self.path is None:
            write_lines(sys.stdout, counted, form)
        else:
            write_table(self.path, counted, form)

    def tell(self, refused: "Sequence[RefusedSource]", n_dropped: Counter[str]) -> None:
        """Says what was written and what was not, and why."""
        console, reasons = stderr_console(), Counter(entry.reason for entry in refused)
        known = f", {self.n_known} of them in a known structure type" if self.noun == "crystal" else ""
        console.print(f"candidates {self.n_candidates}{known}")
        for name, count in n_dropped.most_common():
            console.print(f"left out   {count} {name}")
        for entry in refused[:_SHOWN_REASONS]:
            console.print(f"refused    {entry.id}: {entry.reason}: {entry.message}", soft_wrap=True)
        if len(refused) > _SHOWN_REASONS:
            counts = ", ".join(f"{count} {name}" for name, count in reasons.most_common())
            console.print(f"refused    {len(refused)} {self.noun}s in all: {counts}", soft_wrap=True)
        if self.path is not None:
            self._write_refused(self.path, refused)
        if self.as_json:
            print_object(
                {
                    "out": str(self.path),
                    "n_candidates": self.n_candidates,
                    "n_known": self.n_known,
                    "n_dropped": dict(n_dropped),
                    "n_refused": len(refused),
                    "refused": dict(reasons),
                }
            )

    def _counted(self, candidates: "Iterable[_C]") -> "Iterator[_C]":
        for candidate in candidates:
            self.n_candidates += 1
            self.n_known += candidate.is_known
            yield candidate

    def _write_refused(self, path: Path, refused: "Sequence[RefusedSource]") -> None:
        """The table of refused crystals; that of an earlier run goes if there are none now."""
        beside = self._refused_path(path)
        if not refused:
            beside.unlink(missing_ok=True)
            stderr_console().print(f"wrote      {path}", soft_wrap=True)
            return
        with beside.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("id", "reason", "message"))
            writer.writerows((entry.id, entry.reason, entry.message) for entry in refused)
        stderr_console().print(f"wrote      {path}, and the refused {self.noun}s to {beside}", soft_wrap=True)

    @staticmethod
    def _refused_path(path: Path) -> Path:
        return path.with_name(f"{path.name}.refused.csv")


@contextmanager
def reporting_errors() -> Iterator[None]:
    """One line and an exit code for errors: 2 for a mistake in the request, 1 for what is not installed."""
    try:
        from epitaxy_models.errors import ConfigurationError  # noqa: PLC0415 - not installed on a client's machine

        try:
            yield
        except ConfigurationError as error:
            raise usage_error(str(error)) from error
    except ModuleNotFoundError as error:
        stderr_console().print(f"epitaxy: candidates need {error.name}: pip install 'epitaxy[models,client]'")
        raise typer.Exit(exit_codes.RUN_FAILED) from error
    except KeyboardInterrupt as error:
        stderr_console().print("epitaxy: interrupted; no table was written")
        raise typer.Exit(exit_codes.INTERRUPTED) from error
