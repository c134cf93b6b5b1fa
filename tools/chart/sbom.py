"""Bills of materials of our images, CycloneDX 1.6: ``python -m tools.chart.sbom``.

What each Dockerfile installs is the closure of its extras in the environment at hand, version by version. An image that
is built on another day may hold newer ones, so a pipeline writes the bill again where it builds. The packages of the
base image are not in it: a scanner of images lists these.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, License, LicenseExpression
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.chart.values_file import CHART

ROOT = CHART.parents[1]
PROJECT = "epitaxy"


def extras_of_images(folder: Path = ROOT / "services" / "docker") -> dict[str, tuple[str, ...]]:
    """Extras that each Dockerfile installs, by its name."""
    found = {}
    for path in sorted(folder.glob("*.Dockerfile")):
        [extras] = re.findall(r'pip install "\.\[(.+)\]"', path.read_text())
        found[path.stem] = tuple(extras.split(","))
    return found


def closure(extras: Sequence[str]) -> dict[str, str]:
    """Versions of everything that the project with these extras needs, by canonical name; the project left out."""
    wanted, seen, versions = [(PROJECT, frozenset(extras))], set(), {}
    while wanted:
        name, chosen = wanted.pop()
        if (name, chosen) in seen:
            continue
        seen.add((name, chosen))
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # for another platform, or optional and not installed
        versions[name] = found.version
        wanted += _needed(found.requires or [], chosen)
    versions.pop(PROJECT, None)
    return dict(sorted(versions.items()))


def _needed(requirements: Sequence[str], extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    for text in requirements:
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in (*extras, "")):
            yield canonicalize_name(requirement.name), frozenset(requirement.extras)


def write_boms(out: Path) -> list[Path]:
    """One file an image."""
    out.mkdir(parents=True, exist_ok=True)
    return [_write(out / f"{image}.cdx.json", image, closure(extras)) for image, extras in extras_of_images().items()]


def _write(path: Path, image: str, versions: dict[str, str]) -> Path:
    parts = [_component(name, version) for name, version in versions.items()]
    bom = Bom(components=parts)
    bom.metadata.component = Component(name=f"epitaxy/{image}", type=ComponentType.CONTAINER, bom_ref=image)
    bom.register_dependency(bom.metadata.component, parts)
    content = json.loads(make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string())
    # The same packages make the same file.
    del content["serialNumber"], content["metadata"]["timestamp"]
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path


def _component(name: str, version: str) -> Component:
    purl = PackageURL("pypi", None, name, version)
    reference = f"{name}=={version}"
    return Component(name=name, version=version, bom_ref=reference, purl=purl, licenses=list(_licenses(name)))


def _licenses(name: str) -> Iterator[License]:
    """What the package's own metadata state: an SPDX expression, else the names of its classifiers, else its text."""
    metadata = distribution(name).metadata
    expressions = metadata.get_all("License-Expression") or []
    if expressions:
        yield LicenseExpression(expressions[0])
        return
    classifiers = [text for text in metadata.get_all("Classifier") or [] if text.startswith("License :: ")]
    named = [text.rpartition(" :: ")[2] for text in classifiers if text.count(" :: ") > 1]
    stated = (metadata.get_all("License") or [""])[0].strip().split("\n")[0][:80]
    for text in dict.fromkeys(named or ([stated] if stated else [])):
        yield DisjunctiveLicense(name=text)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    for path in write_boms(parser.parse_args(arguments).out):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
