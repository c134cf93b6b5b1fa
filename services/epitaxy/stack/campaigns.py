"""The campaign service as a child: on loopback, behind the gateway, with its state below the home."""

import json
import sys
from pathlib import Path

from epitaxy.stack.child import Command
from epitaxy.stack.home import StackHome
from epitaxy.stack.plan import StackPlan
from epitaxy.stack.ports import LOOPBACK

NEEDED = ("torch", "botorch", "sqlalchemy", "pyarrow", "fsspec")
"""Libraries without which it cannot run."""


def campaigns_command(plan: StackPlan, home: StackHome, secret: Path, *, has_finetune: bool) -> Command:
    """The service on this stack's predictions; campaigns that an earlier run of the stack left continue.

    Args:
        plan: Addresses of this stack.
        home: Folder of its state.
        secret: File by which it knows the gateway, and by which the services that it calls know both.
        has_finetune: Whether there is a fine-tune service to make models of finished campaigns.
    """
    environment = {
        "EPITAXY_CAMPAIGNS_HOST": LOOPBACK,
        "EPITAXY_CAMPAIGNS_PORT": str(plan.campaigns_port),
        "EPITAXY_CAMPAIGNS_METRICS_PORT": str(plan.campaigns_metrics_port),
        "EPITAXY_CAMPAIGNS_GATEWAY_SECRET_FILE": str(secret),
        "EPITAXY_CAMPAIGNS_FOLDER": str(home.folder / "campaigns"),
        "EPITAXY_CAMPAIGNS_POOL_ROOTS": json.dumps([f"{(home.folder / 'pools').as_uri()}/{{tenant}}/"]),
        "EPITAXY_CAMPAIGNS_PREDICTION_UPSTREAM": plan.serve_address,
        "EPITAXY_CAMPAIGNS_PREDICTION_APPLICATION": plan.application_name,
        "EPITAXY_CAMPAIGNS_PREDICTION_SECRET_FILE": str(secret),
        "EPITAXY_CAMPAIGNS_READINESS_INTERVAL_SECONDS": "0.5",
        "EPITAXY_CAMPAIGNS_SHUTDOWN_GRACE_SECONDS": "1",
        # Replicas have the cores: threads of linear algebra beside them collapse.
        "OMP_NUM_THREADS": "1",
    }
    if has_finetune:
        environment["EPITAXY_CAMPAIGNS_FINETUNE_UPSTREAM"] = plan.finetune_address
        environment["EPITAXY_CAMPAIGNS_FINETUNE_SECRET_FILE"] = str(secret)
    return Command("campaigns", [sys.executable, "-m", "epitaxy.campaigns"], home.logs / "campaigns.log", environment)
