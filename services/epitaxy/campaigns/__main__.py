"""``python -m epitaxy.campaigns`` serves until SIGTERM; ``migrate`` makes or changes the tables, and waits for them."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence

from pydantic import ValidationError

import epitaxy.database.campaign_tables  # noqa: F401  # its tables are in the same database
from epitaxy.campaigns.server import serve
from epitaxy.campaigns.settings import CampaignSettings
from epitaxy.chassis.errors import UnavailableError
from epitaxy.database.tables import Database
from epitaxy_models.errors import ConfigurationError, EpitaxyError

EXIT_UNAVAILABLE = 1
EXIT_CONFIGURATION = 2
_PAUSE_SECONDS = 2.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        settings = CampaignSettings()
        if parsed.command == "migrate":
            _migrate(settings, parsed.wait_seconds)
        else:
            asyncio.run(serve(settings))
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, problem['loc']))} {problem['msg']}".strip() for problem in error.errors())
        return _refuse("; ".join(problems), EXIT_CONFIGURATION)
    except ConfigurationError as error:
        return _refuse(str(error), EXIT_CONFIGURATION)
    except EpitaxyError as error:
        return _refuse(error.message, EXIT_UNAVAILABLE)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m epitaxy.campaigns", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="serve until SIGTERM (the default)")
    migrating = commands.add_parser("migrate", help="make or change the tables, then end")
    migrating.add_argument("--wait-seconds", type=float, default=0.0, help="longest wait for the database")
    return parser


def _migrate(settings: CampaignSettings, wait_seconds: float) -> None:
    give_up_at = time.monotonic() + wait_seconds
    database = Database(settings.store_url)
    while True:
        try:
            done = database.migrate()
        except UnavailableError:
            if time.monotonic() >= give_up_at:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            sys.stdout.write(json.dumps({"schema_before": done.before, "schema": done.after}) + "\n")
            return


def _refuse(message: str, code: int) -> int:
    sys.stderr.write(f"the campaign service: {message}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
