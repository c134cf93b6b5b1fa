"""The fine-tune service as a child: on loopback, behind the gateway, with its state below the home."""

import json
import os
import sys
from pathlib import Path

from epitaxy.registry.environment import registry_environment
from epitaxy.stack.child import Command
from epitaxy.stack.home import StackHome
from epitaxy.stack.plan import StackPlan
from epitaxy.stack.ports import LOOPBACK
from epitaxy.stack.ray_head import ray_client_environment

NEEDED = ("sqlalchemy", "mlflow", "pyarrow", "fsspec")
"""Libraries without which it cannot run."""

_WARM_UP = "EPITAXY_FINETUNE_REGISTRY_WARM_UP_SECONDS"


def finetune_command(plan: StackPlan, home: StackHome, secret: Path, ray_address: str) -> Command:
    """The service on this stack's Ray; jobs that an earlier run of the stack left continue."""
    environment = {
        **registry_environment(home.folder / "registry"),
        **ray_client_environment(home.run),
        "EPITAXY_FINETUNE_HOST": LOOPBACK,
        "EPITAXY_FINETUNE_PORT": str(plan.finetune_port),
        "EPITAXY_FINETUNE_METRICS_PORT": str(plan.finetune_metrics_port),
        "EPITAXY_FINETUNE_GATEWAY_SECRET_FILE": str(secret),
        "EPITAXY_FINETUNE_FOLDER": str(home.folder / "finetune"),
        "EPITAXY_FINETUNE_LABEL_ROOTS": json.dumps([f"{(home.folder / 'labels').as_uri()}/{{tenant}}/"]),
        "EPITAXY_FINETUNE_RAY_ADDRESS": ray_address,
        "EPITAXY_FINETUNE_READINESS_INTERVAL_SECONDS": "0.5",
        # The replicas load and the first screen runs before.
        _WARM_UP: os.environ.get(_WARM_UP, "40"),
        "EPITAXY_FINETUNE_SHUTDOWN_GRACE_SECONDS": "1",
    }
    return Command("finetune", [sys.executable, "-m", "epitaxy.finetune"], home.logs / "finetune.log", environment)
