"""Images install what was locked, by hash, and a lock holds everything that its image needs."""

import re
from functools import cache

import pytest
from packaging.utils import canonicalize_name
from rendering import ROOT

from tools.chart.locks import LOCKS
from tools.chart.sbom import closure, extras_of_images

IMAGES = extras_of_images()
_ENTRY = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==([^ \\;]+)", re.MULTILINE)


@cache
def locked(image: str) -> dict[str, str]:
    text = (LOCKS / f"{image}.txt").read_text()
    return {canonicalize_name(name): version for name, version in _ENTRY.findall(text)}


@pytest.mark.parametrize("image", IMAGES)
def test_a_lock_holds_what_its_image_needs_and_every_package_has_hashes(image: str) -> None:
    needed = closure(IMAGES[image])
    # torch comes from an index of its own, with what a CUDA build of it needs.
    of_torch = ("torch", "nvidia-", "triton", "cuda-")
    missing = {name for name in needed if not name.startswith(of_torch)} - set(locked(image))
    assert missing == set(), "run make lock"
    blocks = re.split(r"\n(?=[A-Za-z])", (LOCKS / f"{image}.txt").read_text().strip())
    assert [block.split("\n")[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert "torch" not in locked(image)


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_installs_from_its_lock_and_nothing_besides(image: str) -> None:
    text = (ROOT / "services" / "docker" / f"{image}.Dockerfile").read_text()
    installs = [line.removesuffix(" \\") for line in re.findall(r"pip install (.+)", text)]
    assert f"--no-deps --require-hashes -r {image}.txt" in installs
    others = [line for line in installs if "require-hashes" not in line and not line.startswith("torch==")]
    assert all(line.endswith("--no-deps") for line in others)
    assert f"COPY services/docker/locks/{image}.txt ./" in text


def test_all_images_hold_one_version_of_what_they_share() -> None:
    versions: dict[str, set[str]] = {}
    for image in IMAGES:
        for name, version in locked(image).items():
            versions.setdefault(name, set()).add(version)
    assert {name: sorted(found) for name, found in versions.items() if len(found) > 1} == {}
