"""A packaged chart as an OCI image layout: what `helm push` sends to a registry, as files."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# helm.sh/community HIP 6: media types of charts in registries.
_CONFIG = "application/vnd.cncf.helm.config.v1+json"
_CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_PROVENANCE = "application/vnd.cncf.helm.chart.provenance.v1.prov"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True, slots=True)
class OciLayout:
    """A folder with one chart.

    Attributes:
        folder: Is made, with ``oci-layout``, ``index.json`` and ``blobs``.
    """

    folder: Path

    def write(self, archive: Path, metadata: Mapping[str, Any], provenance: Path | None = None) -> str:
        """Writes a chart, with its signature if it has one; returns the digest of the manifest."""
        layers = [self._blob(_CHART, archive.read_bytes())]
        if provenance is not None:
            layers.append(self._blob(_PROVENANCE, provenance.read_bytes()))
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": self._blob(_CONFIG, _as_json(metadata)),
            "layers": layers,
            "annotations": {
                "org.opencontainers.image.title": metadata["name"],
                "org.opencontainers.image.version": metadata["version"],
                "org.opencontainers.image.description": metadata["description"],
            },
        }
        entry = self._blob(_MANIFEST, _as_json(manifest))
        # A tag has no plus sign: Helm writes an underscore.
        name = {"org.opencontainers.image.ref.name": metadata["version"].replace("+", "_")}
        index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [{**entry, "annotations": name}]}
        (self.folder / "index.json").write_bytes(_as_json(index))
        (self.folder / "oci-layout").write_bytes(_as_json({"imageLayoutVersion": "1.0.0"}))
        return str(entry["digest"])

    def _blob(self, media_type: str, content: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        path = self.folder / "blobs" / "sha256" / digest
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def _as_json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
