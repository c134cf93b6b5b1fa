"""``python -m epitaxy.finetune``: serves until SIGTERM."""

import asyncio
import sys

from pydantic import ValidationError

from epitaxy.chassis.settings import ConfigurationError
from epitaxy.finetune.server import serve
from epitaxy.finetune.settings import FineTuneSettings
from epitaxy.registry.settings import RegistrySettings

EXIT_CONFIGURATION = 2


def main() -> int:
    """Serves; returns the exit code."""
    try:
        asyncio.run(serve(FineTuneSettings(), RegistrySettings()))
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, problem['loc']))} {problem['msg']}".strip() for problem in error.errors())
        return _refuse("; ".join(problems))
    except ConfigurationError as error:
        return _refuse(str(error))
    return 0


def _refuse(message: str) -> int:
    sys.stderr.write(f"the fine-tune service cannot start: {message}\n")
    return EXIT_CONFIGURATION


if __name__ == "__main__":
    sys.exit(main())
