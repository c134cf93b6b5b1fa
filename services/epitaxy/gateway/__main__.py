"""``python -m epitaxy.gateway`` serves. ``... keys new TENANT`` makes an API key.

``... keys bootstrap`` makes the Secrets of a new installation, inside its cluster.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec

from pydantic import TypeAdapter, ValidationError

from epitaxy.chassis.api_keys import KeyHash, new_api_key
from epitaxy.chassis.tenants import TenantName
from epitaxy.gateway.secrets.bootstrap import BootstrapPlan, DatabaseSecret, bootstrap
from epitaxy.gateway.secrets.kubernetes import KubernetesSecrets
from epitaxy.gateway.server import serve
from epitaxy.gateway.settings import GatewaySettings
from epitaxy_models.errors import ConfigurationError

EXIT_CONFIGURATION = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        _run(parsed)
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, problem['loc']))} {problem['msg']}".strip() for problem in error.errors())
        return _refuse("; ".join(problems))
    except ConfigurationError as error:
        return _refuse(str(error))
    return 0


def _run(parsed: argparse.Namespace) -> None:
    if parsed.command != "keys":
        _serve(GatewaySettings())
    elif parsed.action == "new":
        _print_new_key(parsed.tenant)
    else:
        _bootstrap(parsed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m epitaxy.gateway", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="serve until SIGTERM (the default)")
    keys = commands.add_parser("keys", help="API keys").add_subparsers(dest="action", required=True)
    keys.add_parser("new", help="make a key for a tenant").add_argument("tenant", type=_tenant_name)
    first = keys.add_parser("bootstrap", help="make the Secrets of a new installation that are missing")
    first.add_argument("--tenant", type=_tenant_name, required=True, help="the first tenant")
    first.add_argument("--tenants", default="", help="Secret of the tenants file")
    first.add_argument("--api-key", default="", help="Secret of the first tenant's key")
    first.add_argument("--random", type=_two("/"), default=[], action="append", metavar="SECRET/KEY")
    first.add_argument("--database", type=_two("@"), metavar="SECRET@HOST:PORT", help="for the release's Postgres")
    first.add_argument("--label", type=_two("="), default=[], action="append", metavar="KEY=VALUE")
    return parser


def _tenant_name(text: str) -> str:
    try:
        return TypeAdapter(TenantName).validate_python(text)
    except ValidationError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a tenant name: write 1 to 63 of a-z, 0-9 and -, without a leading -"
        ) from error


def _two(separator: str) -> Callable[[str], tuple[str, str]]:
    def parse(text: str) -> tuple[str, str]:
        first, found, second = text.partition(separator)
        if not (first and found and second):
            raise argparse.ArgumentTypeError(f"{text!r} must have a {separator} between two names")
        return first, second

    return parse


def _bootstrap(parsed: argparse.Namespace) -> None:
    database = DatabaseSecret(*parsed.database) if parsed.database else None
    plan = BootstrapPlan(parsed.tenant, parsed.tenants, parsed.api_key, parsed.random, database)
    for name in bootstrap(plan, KubernetesSecrets.of_this_pod(dict(parsed.label))):
        sys.stdout.write(f"made the Secret {name}\n")


def _serve(settings: GatewaySettings) -> None:
    if find_spec("uvloop") is None:
        asyncio.run(serve(settings))
        return
    import uvloop  # noqa: PLC0415  # an optional extra: a fifth more messages per second if installed

    uvloop.run(serve(settings))


def _print_new_key(tenant: str) -> None:
    key = new_api_key()
    entry = json.dumps({tenant: {"key_hashes": [str(KeyHash.of(key))]}})
    sys.stdout.write(f"key, shown this once: {key}\nfor the tenants file: {entry}\n")


def _refuse(message: str) -> int:
    sys.stderr.write(f"the gateway cannot start: {message}\n")
    return EXIT_CONFIGURATION


if __name__ == "__main__":
    sys.exit(main())
