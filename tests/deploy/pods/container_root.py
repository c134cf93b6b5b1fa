"""Inside the namespaces of one pod, as root: builds the file system of a container and runs its process in it.

Reads one JSON document from standard input (see `containers.py`) and replaces itself by the process: another user
without capabilities, a root that is mounted read-only, and nothing to write on but what the pod mounts.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

_PROGRAMS = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "opt")
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_OF_ETC = (
    "ssl",
    "alternatives",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "nsswitch.conf",
    "localtime",
    "postgresql-common",
)


def main() -> None:
    plan = json.loads(sys.stdin.read())
    socket.sethostname(plan["name"])
    root = Path(plan["root"])
    mount("tmpfs", root, "-t", "tmpfs", "-o", "mode=755")
    for name in _PROGRAMS:
        take_over(Path("/", name), root / name)
    make_etc(root / "etc", plan["hosts"], plan["user"])
    make_devices(root / "dev")
    (root / "proc").mkdir()
    mount("proc", root / "proc", "-t", "proc")
    # The pod's volumes first: what is of the image may lie below one of them in a developer's checkout.
    for volume in sorted(plan["mounts"], key=lambda volume: len(volume["path"])):
        mount_volume(root, volume)
    for path in plan["image"]:
        take_over(Path(path), root / path.lstrip("/"))
    for folder in ("var", "run", "root", "home", "tmp", "sys"):
        (root / folder).mkdir(exist_ok=True)
    mount("none", root, "-o", "remount,ro")
    os.chroot(root)
    os.chdir("/")
    # Files of a Secret that a group reads stay readable: fsGroup is the pod's own group.
    user = str(plan["user"])
    os.execvpe(
        "setpriv",
        ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--no-new-privs", "--inh-caps=-all",
         "--bounding-set=-all", "--", *plan["command"]],
        plan["env"],
    )  # fmt: skip


def mount(what: str | Path, where: Path, *options: str) -> None:
    subprocess.run(["mount", *options, str(what), str(where)], check=True)


def bind(source: Path, target: Path, is_writable: bool = False) -> None:
    """Shows a file or folder at another place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.mkdir(exist_ok=True) if source.is_dir() else target.touch()
    mount(source, target, "--bind")
    if not is_writable:
        mount("none", target, "-o", "remount,bind,ro")


def take_over(source: Path, target: Path) -> None:
    """As the image has it, read-only."""
    if source.is_symlink():
        target.symlink_to(source.readlink())
    elif source.exists():
        bind(source, target)


def make_etc(etc: Path, hosts: dict[str, str], user: int) -> None:
    etc.mkdir()
    for name in _OF_ETC:
        source = Path("/etc", name)
        if source.is_dir():
            bind(source, etc / name)
        elif source.exists():
            shutil.copy(source, etc / name)
    (etc / "passwd").write_text(f"root:x:0:0:root:/root:/bin/false\nepitaxy:x:{user}:{user}::/nonexistent:/bin/false\n")
    (etc / "group").write_text(f"root:x:0:\nepitaxy:x:{user}:\n")
    names = {"localhost": "127.0.0.1", **hosts}
    (etc / "hosts").write_text("".join(f"{address} {name}\n" for name, address in names.items()))
    (etc / "resolv.conf").write_text("")


def make_devices(dev: Path) -> None:
    dev.mkdir()
    for name in _DEVICES:
        bind(Path("/dev", name), dev / name, is_writable=True)
    (dev / "shm").mkdir()
    (dev / "fd").symlink_to("/proc/self/fd")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        (dev / name).symlink_to(f"/proc/self/fd/{number}")


def mount_volume(root: Path, volume: dict[str, object]) -> None:
    target = root / str(volume["path"]).lstrip("/")
    target.mkdir(parents=True, exist_ok=True)
    if volume["kind"] == "memory":
        mount("tmpfs", target, "-t", "tmpfs", "-o", f"mode=1777,size={volume['size']}")
    else:
        bind(Path(str(volume["source"])), target, is_writable=volume["kind"] == "writable")


if __name__ == "__main__":
    main()
