"""The chart as a package, an OCI layout and a README; bills of materials of the images."""

import hashlib
import json
import shutil
import subprocess
from importlib.resources import files
from importlib.util import find_spec

import helm_python
import pytest
import yaml
from jsonschema import Draft7Validator
from referencing import Registry, Resource
from rendering import CHART, render

from tools.chart.package import package_chart
from tools.chart.readme import render_readme
from tools.chart.sbom import closure, extras_of_images, write_boms
from tools.chart.values_file import read_values


def test_the_readme_is_made_of_the_values() -> None:
    assert (CHART / "README.md").read_text() == render_readme(), "run make chart-readme"


def test_the_readme_has_every_key_with_its_prose(tmp_path) -> None:
    values = read_values()
    assert len({value.path for value in values}) == len(values) > 200
    texts = {".".join(value.path): value for value in values}
    assert texts["gateway.service.port"].prose == "Port of the Service; pods listen on 50051."
    assert texts["gateway.service.port"].default == 50051
    assert texts["gateway.service"].default is None
    assert texts["postgres.storage"].default == {"size": "10Gi", "className": "", "existingClaim": ""}
    assert texts["redis.tls"].section == "Stores"
    (tmp_path / "values.yaml").write_text("# ---- One ------\n\n# Told.\na:\n  # Also.\n  b: 1\nc: 2\n")
    read = [(v.section, ".".join(v.path), v.prose, v.default) for v in read_values(tmp_path)]
    assert read == [("One", "a", "Told.", None), ("One", "a.b", "Also.", 1), ("One", "c", "", 2)]


def test_the_package_renders_as_the_folder_does(tmp_path) -> None:
    archive = package_chart(tmp_path)
    files = helm_python.Chart.load_archive(archive.read_bytes()).render({}, name="epitaxy", namespace="epitaxy")
    texts = [text for path, text in files.items() if path.endswith(".yaml")]
    found = [document for text in texts for document in yaml.safe_load_all(text) if document]
    assert found == render({})


def test_the_layout_holds_the_package_under_its_digests(tmp_path) -> None:
    archive = package_chart(tmp_path)
    layout = tmp_path / "oci"
    assert json.loads((layout / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    [entry] = json.loads((layout / "index.json").read_text())["manifests"]
    assert entry["annotations"]["org.opencontainers.image.ref.name"] == "0.1.0"
    manifest = json.loads(blob(layout, entry))
    assert json.loads(blob(layout, manifest["config"]))["name"] == "epitaxy"
    [layer] = manifest["layers"]
    assert layer["mediaType"] == "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
    assert blob(layout, layer) == archive.read_bytes()
    assert layer["digest"] == helm_python.digest(str(archive))


def blob(layout, entry) -> bytes:
    content = (layout / "blobs" / entry["digest"].replace(":", "/")).read_bytes()
    assert hashlib.sha256(content).hexdigest() == entry["digest"].removeprefix("sha256:")
    assert len(content) == entry["size"]
    return content


def test_the_statement_names_the_package_and_the_commit(tmp_path) -> None:
    archive = package_chart(tmp_path)
    statement = json.loads(archive.with_suffix(".intoto.json").read_text())
    [subject] = statement["subject"]
    assert subject["digest"]["sha256"] == hashlib.sha256(archive.read_bytes()).hexdigest()
    [source] = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=CHART, capture_output=True, text=True, check=False)
    assert source["digest"]["gitCommit"] == head.stdout.strip()


@pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not installed")
def test_a_signed_package_is_verified_and_a_changed_one_is_not(tmp_path, monkeypatch) -> None:
    home = tmp_path / "gpg"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    gpg = ["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
    subprocess.run([*gpg, "--quick-generate-key", "packager@example.org", "rsa2048", "sign"], check=True)
    for kind in ("--export-secret-keys", "--export"):
        done = subprocess.run([*gpg, kind], capture_output=True, check=True)
        (tmp_path / f"ring{kind}").write_bytes(done.stdout)
    archive = package_chart(tmp_path / "out", "packager@example.org", tmp_path / "ring--export-secret-keys")
    public = str(tmp_path / "ring--export")
    assert "packager@example.org" in helm_python.verify(str(archive), public)["signed_by"][0]
    manifest = json.loads((tmp_path / "out" / "oci" / "index.json").read_text())["manifests"][0]
    layers = json.loads(blob(tmp_path / "out" / "oci", manifest))["layers"]
    assert [layer["mediaType"].rpartition(".")[2] for layer in layers] == ["tar+gzip", "prov"]
    archive.write_bytes(archive.read_bytes() + b"x")
    with pytest.raises(helm_python.HelmError):
        helm_python.verify(str(archive), public)
    subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)


def test_about_names_the_images_of_the_values_and_has_an_icon() -> None:
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())["images"]
    told = {image["name"]: image["image"] for image in yaml.safe_load(about["annotations"]["artifacthub.io/images"])}
    assert told == {
        name: "/".join(filter(None, (image["registry"], f"{image['repository']}:{image['tag']}")))
        for name, image in values.items()
    }
    kind, _, icon = about["icon"].partition(",")
    assert kind == "data:image/svg+xml;base64"
    import base64

    assert base64.b64decode(icon) == (CHART / "icon.svg").read_bytes().strip()


def test_bills_of_materials_hold_what_each_image_installs(tmp_path) -> None:
    found = {path.name: json.loads(path.read_text()) for path in write_boms(tmp_path)}
    names = {image: {part["name"] for part in bom["components"]} for image, bom in found.items()}
    assert set(names) == {f"{image}.cdx.json" for image in extras_of_images()}
    assert "torch" in names["prediction.cdx.json"] & names["training.cdx.json"]
    assert "torch" not in names["api.cdx.json"]
    for bom in found.values():
        assert bom["specVersion"] == "1.6"
        assert all(part["purl"].startswith("pkg:pypi/") and "@" in part["purl"] for part in bom["components"])
        assert validation_faults(bom) == []
        assert validation_faults(bom | {"components": [{"name": "without a type"}]})


def validation_faults(bom):
    """By CycloneDX' own schema, which the library brings."""
    folder = files("cyclonedx.schema") / "_res"
    schemas = {path.name: json.loads(path.read_text()) for path in folder.iterdir() if path.name.endswith(".json")}
    known = [(f"http://cyclonedx.org/schema/{name.replace('.SNAPSHOT', '')}", Resource.from_contents(content))
             for name, content in schemas.items()]  # fmt: skip
    validator = Draft7Validator(schemas["bom-1.6.SNAPSHOT.schema.json"], registry=Registry().with_resources(known))
    return [(fault.json_path, fault.message) for fault in validator.iter_errors(bom)]


def test_developers_have_no_package_that_slows_every_process_of_ray_down() -> None:
    """Ray imports jsonschema, which parses a grammar for two seconds if rfc3987-syntax is there (docs/adr/0023)."""
    assert find_spec("rfc3987_syntax") is None, "remove what brings jsonschema[format-nongpl], and it: pip uninstall"


def test_a_closure_follows_extras_of_extras() -> None:
    assert "redis" not in closure(["client"])
    assert {"redis", "ray", "torch"} <= set(closure(["prediction"]))
