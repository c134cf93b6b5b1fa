"""``epitaxy serve``."""

import os
import sys
from pathlib import Path

from rich.console import Console

from epitaxy.stack.errors import StackError
from epitaxy.stack.home import StackHome, default_home
from epitaxy.stack.plan import StackPlan
from epitaxy.stack.progress import Progress
from epitaxy.stack.supervisor import PARTS, Supervisor


def serve_command(
    host: str = "127.0.0.1",
    port: int = 50051,
    home: Path | None = None,
    redis_url: str = "",
    application: str = "",
) -> int:
    """Runs the local stack in the foreground until SIGINT or SIGTERM; returns the exit code.

    Prints ``ready HOST:PORT`` alone on a line of stdout when the gateway answers; everything else goes to stderr.

    Args:
        host: Where the gateway listens.
        port: Where the gateway listens; 0 is any free port.
        home: Folder of all state, ``~/.epitaxy`` by default.
        redis_url: An external Redis (also ``EPITAXY_REDIS_URL``); without one a private redis-server is started where
            it is installed.
        application: Import path ``module:function`` of another application behind the same servicer.
    """
    console = Console(file=sys.stderr, markup=False, emoji=False, highlight=False)
    try:
        with StackHome(home or default_home()) as held:
            changes = {"application": application} if application else {}
            plan = StackPlan.draw(host, port, redis_url or os.environ.get("EPITAXY_REDIS_URL", ""), **changes)
            return Supervisor(plan, held, Progress(console, PARTS)).run()
    except StackError as error:
        console.print(f"epitaxy: {error}", soft_wrap=True)
        return 1
