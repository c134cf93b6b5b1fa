"""A container of a rendered pod as a plan that `container_root` can carry out: command, variables, user and mounts."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
# Of our images: services/docker/*.Dockerfile.
IMAGE_ENV = {
    "PATH": f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin",
    "PYTHONUNBUFFERED": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}
_REFERENCE = re.compile(r"\$\((\w+)\)")
_SIZES = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def image_paths() -> list[str]:
    """What the image holds: the interpreter, the packages, the product. A checkout stands for it."""
    return sorted({str(ROOT), sys.prefix, sys.base_prefix})


@dataclass(frozen=True)
class Cluster:
    """What pods refer to.

    Attributes:
        secrets: Content by key, by name.
        maps: The same of ConfigMaps.
        claims: Folder of a claim, by name.
        folder: For the files of Secrets and ConfigMaps.
    """

    secrets: Mapping[str, Mapping[str, str]]
    maps: Mapping[str, Mapping[str, str]]
    claims: Mapping[str, Path]
    folder: Path

    def plan(self, name: str, pod: Mapping[str, Any], container: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
        """The plan; ``changes`` are ``command`` and ``env``, as an operator adds to them."""
        env = self.variables([*container.get("env", ()), *changes.get("env", ())])
        command = changes.get("command") or [*container.get("command", ()), *container.get("args", ())]
        filled = [_REFERENCE.sub(lambda match: env.get(match[1], match[0]), part) for part in command]
        volumes = {volume["name"]: volume for volume in pod.get("volumes", ())}
        mounts = [self._mount(name, volumes[m["name"]], m) for m in container["volumeMounts"]]
        return {
            "command": filled,
            "env": {**IMAGE_ENV, **env},
            "user": pod["securityContext"]["runAsUser"],
            "mounts": [mount for mount in mounts if mount],
            "image": image_paths(),
        }

    def variables(self, entries: list[Mapping[str, Any]]) -> dict[str, str]:
        """As the kubelet fills them in, one after the other."""
        env: dict[str, str] = {}
        for entry in entries:
            reference = entry.get("valueFrom", {}).get("secretKeyRef")
            if reference is None:
                env[entry["name"]] = _REFERENCE.sub(lambda match: env.get(match[1], match[0]), entry.get("value") or "")
            elif reference["key"] in self.secrets.get(reference["name"], {}):
                env[entry["name"]] = self.secrets[reference["name"]][reference["key"]]
            else:
                assert reference.get("optional"), f"{entry['name']}: no Secret {reference['name']}/{reference['key']}"
        return env

    def _mount(self, name: str, volume: Mapping[str, Any], mount: Mapping[str, Any]) -> dict[str, Any] | None:
        path = {"path": mount["mountPath"]}
        if "emptyDir" in volume:
            return {**path, "kind": "memory", "size": _bytes(volume["emptyDir"].get("sizeLimit", "1Gi"))}
        if "persistentVolumeClaim" in volume:
            claim = volume["persistentVolumeClaim"]["claimName"]
            kind = "readable" if mount.get("readOnly") else "writable"
            return {**path, "kind": kind, "source": str(self.claims[claim])}
        held = (
            self.secrets.get(volume["secret"]["secretName"])
            if "secret" in volume
            else self.maps.get(volume["configMap"]["name"])
        )
        if held is None:
            assert volume.get("configMap", {}).get("optional"), f"{name}: nothing to mount at {mount['mountPath']}"
            held = {}
        folder = self.folder / f"{name}-{volume['name']}"
        folder.mkdir(parents=True, exist_ok=True)
        for key, text in held.items():
            (folder / key).write_text(text)
        return {**path, "kind": "readable", "source": str(folder)}


def _bytes(text: str) -> int:
    return int(float(text[:-2]) * _SIZES[text[-2:]])
