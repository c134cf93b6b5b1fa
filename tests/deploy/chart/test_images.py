"""Dockerfiles: what they copy is in the build context, what they install are extras that exist, nobody is root."""

import re
import tomllib
from fnmatch import fnmatch

import pytest
from rendering import ROOT

DOCKERFILES = sorted((ROOT / "docker").glob("*.Dockerfile"))


def ignored(path: str) -> bool:
    """As .dockerignore decides, the last matching line winning."""
    verdict = False
    for line in (ROOT / ".dockerignore").read_text().split():
        if fnmatch(path, line.lstrip("!")):
            verdict = not line.startswith("!")
    return verdict


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
    for line in re.findall(r"apt-get install -y --no-install-recommends (\S+)", text):
        assert "=" in line


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_what_is_installed_exists(path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [extras] = re.findall(r'pip install "\.\[(.+)\]"', path.read_text())
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
    assert re.findall(r"-t epitaxy/\w+:(\S+) ", path.read_text()) == [project["version"]]
