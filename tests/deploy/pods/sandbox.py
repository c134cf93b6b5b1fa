"""Pods without a cluster: each has a network, processes and files of its own, on a bridge that the host lacks."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_BRIDGE = "pods"
PREFIX = "10.88.0"


def why_not() -> str:
    """Why pods cannot be made here; empty if they can."""
    if os.geteuid() != 0:
        return "namespaces with other users need root"
    missing = [name for name in ("unshare", "nsenter", "ip", "setpriv", "mount") if shutil.which(name) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    made = subprocess.run(["unshare", "-n", "-m", "-p", "-f", "ip", "link", "add", "probe0", "type", "bridge"],
                          capture_output=True, check=False)  # fmt: skip
    return "" if made.returncode == 0 else "the kernel lets nobody make namespaces or bridges here"


def patience(seconds: float) -> float:
    """What takes so long on a quiet machine may take here, by the processes that want a core now."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


@dataclass
class Pod:
    """A running container. Ends with `stop`."""

    name: str
    address: str
    log: Path
    process: "subprocess.Popen[bytes]"

    def text(self) -> str:
        """What it has written."""
        return self.log.read_text(errors="replace")

    def wait(self, seconds: float) -> int:
        return self.process.wait(seconds)

    def stop(self) -> None:
        if self.process.poll() is not None:
            return
        # The first process of the pod's namespace, with which the kernel ends all others in it. That unshare would end
        # it (--kill-child) holds only until it changes its user.
        first = int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text())
        os.kill(first, signal.SIGKILL)
        self.process.wait(10)
        assert not Path(f"/proc/{first}").exists(), f"{self.name} is still there"


@dataclass
class Sandbox:
    """The node of the pods.

    Attributes:
        folder: For logs and roots.
        hosts: Address by name: the Services.
    """

    folder: Path
    hosts: dict[str, str] = field(default_factory=dict)
    pods: list[Pod] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._node = subprocess.Popen(["unshare", "--net", "--kill-child", "sleep", "infinity"])
        _await_network(self._node.pid)
        for command in (
            ["link", "add", _BRIDGE, "type", "bridge"],
            ["address", "add", f"{PREFIX}.1/24", "dev", _BRIDGE],
            ["link", "set", _BRIDGE, "up"],
            ["link", "set", "lo", "up"],
        ):
            subprocess.run(self.on_the_node("ip", *command), check=True)

    def on_the_node(self, *command: str) -> list[str]:
        """The command, within the network of the node, from where a kubelet asks its probes."""
        return ["nsenter", f"--net=/proc/{self._node.pid}/ns/net", *command]

    def address(self, number: int) -> str:
        return f"{PREFIX}.{number}"

    def start(self, name: str, number: int, plan: Mapping[str, Any]) -> Pod:
        """Starts a container; ``plan`` is what `container_root` reads, without root and hosts."""
        root, log = self.folder / "roots" / name, self.folder / f"{name}.log"
        root.mkdir(parents=True, exist_ok=True)
        hosts = {**self.hosts, name: self.address(number)}
        document = {**plan, "name": name, "root": str(root), "hosts": hosts}
        # Waits for its network: the plan comes over standard input once that is there.
        command = ["unshare", "--net", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--propagation",
                   "private", sys.executable, str(_HERE / "container_root.py")]  # fmt: skip
        with log.open("wb") as file:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=file, stderr=subprocess.STDOUT)
        self._connect(process.pid, number)
        assert process.stdin is not None
        process.stdin.write(json.dumps(document).encode())
        process.stdin.close()
        pod = Pod(name, self.address(number), log, process)
        self.pods.append(pod)
        return pod

    def _connect(self, pid: int, number: int) -> None:
        _await_network(pid)
        outside = f"veth{number}"
        subprocess.run(self.on_the_node("ip", "link", "delete", outside), capture_output=True, check=False)
        subprocess.run(
            self.on_the_node("ip", "link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", str(pid)),
            check=True,
        )
        for command in (["link", "set", outside, "master", _BRIDGE], ["link", "set", outside, "up"]):
            subprocess.run(self.on_the_node("ip", *command), check=True)
        inside = ["nsenter", f"--net=/proc/{pid}/ns/net", "ip"]
        for command in (
            ["address", "add", f"{self.address(number)}/24", "dev", "eth0"],
            ["link", "set", "eth0", "up"],
            ["link", "set", "lo", "up"],
            ["route", "add", "default", "via", f"{PREFIX}.1"],  # Ray finds its own address by it
        ):
            subprocess.run([*inside, *command], check=True)

    def stop(self) -> None:
        for pod in reversed(self.pods):
            pod.stop()
        self._node.kill()
        self._node.wait(10)


def _await_network(pid: int) -> None:
    """Until a process has left the network of this one."""
    own = Path("/proc/self/ns/net").readlink()
    while Path(f"/proc/{pid}/ns/net").readlink() == own:
        time.sleep(0.005)


def run(command: Sequence[str], seconds: float, **options: Any) -> "subprocess.CompletedProcess[str]":
    """A command of the node that has to end."""
    return subprocess.run(command, timeout=seconds, capture_output=True, text=True, check=False, **options)
