"""Pretraining of molecules and compositions as a person does it: table, command, killed and run again, published."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from forked_command import run_forked

from epitaxy_models.data.synthetic_materials import synthetic_compositions, synthetic_molecules

_COMMAND = (sys.executable, "-c", "from epitaxy.cli.main import main; main()")
_LABELS = {"molecule": ("partition", "refractivity"), "composition": ("wave", "ripple")}
_COLUMNS = {"molecule": "smiles", "composition": "composition"}
# Starting Ray takes ten seconds on a quiet machine, and minutes beside a lot of other work.
_PATIENCE_SECONDS = 400.0
CONFIGS = Path(__file__).parents[3] / "models" / "configs"


@dataclass(frozen=True)
class MaterialRun:
    """One run in a folder of its own.

    Attributes:
        kind: ``"molecule"`` or ``"composition"``.
        folder: Holds table, configuration, work folder and the published substrate.
    """

    kind: str
    folder: Path

    @property
    def substrate(self) -> Path:
        return self.folder / "substrate"

    @property
    def events(self) -> list[dict[str, Any]]:
        """The journal; a line that is being written is left out."""
        journal = self.folder / "run" / "journal.jsonl"
        lines = journal.read_text().splitlines(keepends=True) if journal.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def build(self, n_rows: int) -> Any:
        """The table, by ``epitaxy data convert`` from CSV."""
        frame = synthetic_molecules(n_rows) if self.kind == "molecule" else synthetic_compositions(n_rows)
        frame.to_csv(self.folder / "rows.csv", index=False)
        units = [word for label in _LABELS[self.kind] for word in ("--unit", f"{label}=dimensionless")]
        column = _COLUMNS[self.kind]
        arguments = ("rows.csv", f"--{column}-column", column, *units, "--out", "table.parquet")
        return run_forked(["data", "convert", *arguments], self.folder, dict(os.environ))

    def configure(self, workers: int = 2, **training: Any) -> None:
        """The configuration of the repository, on this table."""
        config = yaml.safe_load((CONFIGS / f"pretrain-small-{self.kind}.yaml").read_text())
        config |= {"data": "table.parquet", "work": "run", "tracking": {"enabled": False}}
        config["training"] |= training
        config["scaling"]["workers"] = workers
        config["publish"]["name"] = f"substrate-{self.kind}"
        config["featurize_processes"] = 1
        (self.folder / "pretrain.yaml").write_text(yaml.safe_dump(config))

    def start(self) -> subprocess.Popen[str]:
        arguments = ("pretrain", "--config", "pretrain.yaml", "--publish", "substrate")
        environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            [*_COMMAND, *arguments],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def train(self) -> str:
        """Trains to the end and publishes; what the command printed."""
        process = self.start()
        output, errors = process.communicate(timeout=_PATIENCE_SECONDS)
        assert process.returncode == 0, errors
        return output

    def kill_after_epoch(self, epoch: int) -> None:
        """Kills the command itself as soon as an epoch is in the journal."""
        process = self.start()
        deadline = time.monotonic() + _PATIENCE_SECONDS
        try:
            while not any(event["event"] == "epoch" and event["epoch"] >= epoch for event in self.events):
                assert process.poll() is None, process.communicate()[1]
                assert time.monotonic() < deadline, self.events
                time.sleep(0.05)
        finally:
            process.kill()
            process.communicate(timeout=60)
