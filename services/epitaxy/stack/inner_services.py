"""The services behind the gateway, apart from the prediction application: fine-tunes and campaigns."""

import secrets
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from epitaxy.stack import campaigns, finetune
from epitaxy.stack.child import Child, Command
from epitaxy.stack.home import StackHome
from epitaxy.stack.keeper import Keeper
from epitaxy.stack.plan import StackPlan
from epitaxy.stack.ports import LOOPBACK
from epitaxy.stack.progress import Progress
from epitaxy.stack.reaper import Reaper

NAMES = ("finetune", "campaigns")

_NEEDED = {"finetune": finetune.NEEDED, "campaigns": campaigns.NEEDED}
_EXTRAS = {"finetune": "finetune", "campaigns": "campaign-service"}
_CONSEQUENCES = {
    "finetune": "jobs go on, starting it again",
    "campaigns": "nothing is lost, starting it again",
}
_ON_RAY = frozenset({"finetune"})
SECRET_FILE = "gateway-secret"
_GRACE_SECONDS = 2.0


class InnerServices:
    """Those services whose libraries are installed, from start to stop."""

    def __init__(self, plan: StackPlan, home: StackHome, reaper: Reaper, progress: Progress) -> None:
        self._plan, self._home, self._reaper, self._progress = plan, home, reaper, progress
        self._names: tuple[str, ...] = ()
        self._secret = home.run / SECRET_FILE
        self._keepers: dict[str, Keeper] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Services of this stack, once prepared."""
        return self._names

    @property
    def secret(self) -> Path:
        """File with what the gateway proves itself with, once prepared."""
        return self._secret

    @property
    def addresses(self) -> dict[str, str]:
        """HOST:PORT of each."""
        return {name: getattr(self._plan, f"{name}_address") for name in self._names}

    @property
    def children(self) -> list[Child]:
        """Their processes, once started."""
        return [keeper.child for keeper in self._keepers.values()]

    def prepare(self) -> None:
        """Writes the secret and says which services are left out; they start when Ray is up."""
        # Other users of this machine can reach loopback.
        self._secret.touch(mode=0o600)
        self._secret.write_text(secrets.token_hex(32))
        missing = {name: _missing_library(name) for name in NAMES}
        self._names = tuple(name for name in NAMES if missing[name] is None)
        for name, library in missing.items():
            if library is not None:
                self._progress.done(name, f"{library} is not installed: pip install 'epitaxy[{_EXTRAS[name]}]'", "!")

    def start(self, ray_address: str) -> None:
        """Starts them; ``ray_address`` is where fine-tunes run. With a new Ray, those that run on it start again."""
        for name in self._names:
            if name in self._keepers and name not in _ON_RAY:
                continue
            if name in self._keepers:
                self._keepers[name].child.stop(_GRACE_SECONDS)
            self._keepers[name] = Keeper(self._command(name, ray_address), self._reaper)
            self._progress.detail(name, "starting")

    def is_started(self, name: str) -> bool:
        """Whether it has been started; of one that has died, too."""
        return name in self._keepers

    def kept(self) -> Iterator[tuple[Keeper, str]]:
        """Each with what its death means for those who use it."""
        return ((keeper, _CONSEQUENCES[name]) for name, keeper in self._keepers.items())

    def endpoints(self) -> dict[str, Any]:
        """For the endpoints file."""
        return {
            name: {
                "address": self.addresses[name],
                "metrics": f"http://{LOOPBACK}:{getattr(self._plan, f'{name}_metrics_port')}/metrics",
                "pid": keeper.child.pid,
            }
            for name, keeper in self._keepers.items()
        }

    def stop(self) -> None:
        """Lets calls end. Campaigns go first: they call the fine-tune service."""
        for child in reversed(self.children):
            child.stop(_GRACE_SECONDS)

    def _command(self, name: str, ray_address: str) -> Command:
        if name == "finetune":
            return finetune.finetune_command(self._plan, self._home, self._secret, ray_address)
        has_finetune = "finetune" in self._names
        return campaigns.campaigns_command(self._plan, self._home, self._secret, has_finetune=has_finetune)


def _missing_library(name: str) -> str | None:
    """A library that the service needs and that is not installed; None if all are."""
    return next((library for library in _NEEDED[name] if find_spec(library) is None), None)
