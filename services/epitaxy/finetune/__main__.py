"""``python -m epitaxy.finetune`` serves until SIGTERM; ``migrate``, ``prune``, ``verify-log`` maintain its stores.

``keep-cluster`` and ``remove`` look after the training cluster of an installation on Kubernetes.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from pydantic import ValidationError

from epitaxy.finetune.server import serve
from epitaxy.finetune.settings import FineTuneSettings
from epitaxy.finetune.training_cluster import commands as cluster_commands
from epitaxy.finetune.upkeep import commands as upkeep_commands
from epitaxy.registry.settings import RegistrySettings
from epitaxy_models.errors import ConfigurationError, EpitaxyError

EXIT_UNAVAILABLE = 1
EXIT_CONFIGURATION = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        _run(parsed)
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, problem['loc']))} {problem['msg']}".strip() for problem in error.errors())
        return _refuse("; ".join(problems), EXIT_CONFIGURATION)
    except ConfigurationError as error:
        return _refuse(str(error), EXIT_CONFIGURATION)
    except EpitaxyError as error:
        return _refuse(error.message, EXIT_UNAVAILABLE)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m epitaxy.finetune", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="serve until SIGTERM (the default)")
    upkeep_commands.add_commands(commands)
    cluster_commands.add_commands(commands)
    return parser


def _run(parsed: argparse.Namespace) -> None:
    settings, registry = FineTuneSettings(), RegistrySettings()
    if parsed.command in (None, "serve"):
        asyncio.run(serve(settings, registry))
    elif parsed.command in cluster_commands.COMMANDS:
        cluster_commands.run(parsed, settings)
    else:
        upkeep_commands.run(parsed, settings, registry)


def _refuse(message: str, code: int) -> int:
    sys.stderr.write(f"the fine-tune service: {message}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
