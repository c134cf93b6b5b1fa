"""The shared cache: a private redis-server."""

import shutil
from pathlib import Path

from epitaxy.stack.child import Command
from epitaxy.stack.home import StackHome

_MAX_MEMORY = "512mb"


def redis_binary() -> str | None:
    """Path of redis-server, None if it is not installed."""
    return shutil.which("redis-server")


def redis_socket(home: StackHome) -> Path:
    """Where the private Redis listens: a socket that only this user can open, and no port."""
    return home.run / "redis.sock"


def redis_url(home: StackHome) -> str:
    """URL of the private Redis."""
    return f"unix://{redis_socket(home)}"


def redis_command(binary: str, home: StackHome) -> Command:
    """A cache that forgets: bounded, evicting, never written to disk."""
    folder = home.run / "redis"
    folder.mkdir(exist_ok=True)
    options = {
        "--port": "0",
        "--unixsocket": str(redis_socket(home)),
        "--unixsocketperm": "700",
        "--dir": str(folder),
        "--save": "",
        "--appendonly": "no",
        "--maxmemory": _MAX_MEMORY,
        "--maxmemory-policy": "allkeys-lru",
        "--daemonize": "no",
    }
    arguments = [binary, *(text for option in options.items() for text in option)]
    return Command("redis", arguments, home.logs / "redis.log")
