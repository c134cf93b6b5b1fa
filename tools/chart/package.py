"""The chart as a package, an OCI layout and a statement of where it comes from: ``python -m tools.chart.package``.

It takes no daemon and no network: Helm's own packaging, through its SDK. A PGP signature (``--key``, ``--keyring``)
becomes Helm's provenance file, which `helm verify` and `helm install --verify` read. The statement is in-toto's with
SLSA's predicate, and not signed: a pipeline that builds the package signs it there.
"""

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import helm_python
import yaml

from tools.chart.oci_layout import OciLayout
from tools.chart.values_file import CHART

ROOT = CHART.parents[1]


def package_chart(out: Path, key: str = "", keyring: Path | None = None) -> Path:
    """Writes ``NAME-VERSION.tgz``, ``oci/`` and ``NAME-VERSION.intoto.json`` into a folder; returns the package."""
    out.mkdir(parents=True, exist_ok=True)
    archive = Path(helm_python.package(str(CHART), destination=str(out)))
    signature = Path(helm_python.sign(str(archive), key=key, keyring=str(keyring))) if key else None
    metadata = yaml.safe_load((CHART / "Chart.yaml").read_text())
    OciLayout(out / "oci").write(archive, metadata, signature)
    statement = json.dumps(provenance(archive), indent=1)
    archive.with_suffix(".intoto.json").write_text(statement + "\n")
    return archive


def provenance(archive: Path) -> dict[str, Any]:
    """What was packaged, from which commit, by what."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": archive.name, "digest": {"sha256": hashlib.sha256(archive.read_bytes()).hexdigest()}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://helm.sh/docs/helm/helm_package",
                "externalParameters": {"chart": str(CHART.relative_to(ROOT))},
                "resolvedDependencies": [{"uri": "git+source", "digest": {"gitCommit": _commit()}}],
                "internalParameters": {"is_clean": _is_clean(), "helm": helm_python.helm_sdk_version()},
            },
            "runDetails": {"builder": {"id": "make chart-package"}, "metadata": {"finishedOn": now}},
        },
    }


def _commit() -> str:
    return _git("rev-parse", "HEAD")


def _is_clean() -> bool:
    return not _git("status", "--porcelain", "--", str(CHART))


def _git(*arguments: str) -> str:
    """Empty outside of a checkout."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--key", default="", help="identity of the signing key; empty: not signed")
    parser.add_argument("--keyring", type=Path, help="file with PGP secret keys")
    given = parser.parse_args(arguments)
    archive = package_chart(given.out, given.key, given.keyring)
    signed = "signed" if given.key else "not signed: give KEY and KEYRING"
    print(f"{archive} ({signed}), {archive.parent}/oci, {archive.with_suffix('.intoto.json')}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
