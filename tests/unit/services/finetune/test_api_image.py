import os
import shutil
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent / "api_without_torch.py"


def test_the_api_takes_a_job_in_without_torch(tmp_path, empty_database) -> None:
    (tmp_path / "registry").mkdir()
    shutil.copy(empty_database, tmp_path / "registry" / "mlflow.db")
    environment = os.environ | {"EPITAXY_FINETUNE_FOLDER": str(tmp_path / "finetune")}
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["12 JOB_STATE_PENDING", '{"schema_before": 2, "schema": 2}']
