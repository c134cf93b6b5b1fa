"""The registry on real sqlite and real files: versions, aliases, tenants apart, damage seen, processes side by side."""

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest

from epitaxy.chassis.errors import FailedPreconditionError, InvalidRequestError, NotFoundError, UnavailableError
from epitaxy.chassis.model_names import ModelName, own_model
from epitaxy.registry.environment import registry_environment
from epitaxy.registry.mlflow_registry import MlflowRegistry
from epitaxy.registry.ports import Alias, RegisteredModel
from epitaxy.registry.run_record import DataRecord, RunRecord
from epitaxy.registry.settings import RegistrySettings
from epitaxy_models.errors import CheckpointError
from epitaxy_models.transfer.fitted.digest import folder_digest


def stored_files(home: Path) -> set[str]:
    return {path.read_bytes().decode() for path in (home / "artifacts").rglob("model.safetensors")}


def test_a_version_comes_back_with_its_digest_tags_and_files(registry, model, files):
    registered = registry.register(model, files("one"), {"verdict": "HELPS"})
    assert (registered.version, registered.tags) == ("1", {"verdict": "HELPS"})
    assert registered.digest == folder_digest(files("one"))
    resolved = registry.resolve(model, version="1")
    assert resolved.version == registered
    assert (resolved.folder / "model.safetensors").read_bytes() == b"one"
    assert registry.card(registered) == '{"name": "one"}'


def test_reports_lie_beside_the_files_and_out_of_the_model(registry, model, files, tmp_path):
    registered = registry.register(model, files("one"), beside={"report.html": b"<p>helps</p>"})
    assert registered.digest == folder_digest(files("one"))
    assert [path.name for path in registry.fetch(registered).iterdir() if "report" in path.name] == []
    [kept] = tmp_path.rglob("report/report.html")
    assert kept.read_bytes() == b"<p>helps</p>"
    registry.delete_tenant(model.tenant)
    assert not list(tmp_path.rglob("report.html"))


def test_the_same_files_are_the_version_that_they_are(registry, model, files):
    first, second = registry.register(model, files("one")), registry.register(model, files("two"))
    assert registry.register(model, files("one")) == first
    assert [version.version for version in registry.versions(model)] == [second.version, first.version]


def test_an_alias_moves_and_no_selector_means_the_champion(registry, model, files):
    for text in ("one", "two"):
        registry.register(model, files(text))
    registry.set_alias(model, Alias.CANDIDATE, "2")
    registry.promote(model, "1")
    assert registry.find(model).version == "1"
    assert registry.find(model, alias="candidate").version == "2"
    registry.promote(model, "2")
    assert registry.find(model).version == "2"
    assert registry.aliases(model) == {"champion": "2", "candidate": "2", "previous": "1"}


def test_a_rollback_swaps_champion_and_previous(registry, model, files):
    for text in ("one", "two"):
        registry.promote(model, registry.register(model, files(text)).version)
    assert registry.roll_back(model).version == "1"
    assert registry.aliases(model) == {"champion": "1", "previous": "2"}
    assert registry.roll_back(model).version == "2"


def test_a_rollback_without_a_previous_version_says_so(registry, model, files):
    registry.promote(model, registry.register(model, files()).version)
    registry.promote(model, "1")
    with pytest.raises(FailedPreconditionError, match="acme/my-tc has no previous version"):
        registry.roll_back(model)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({}, "model 'acme/my-tc' has no champion"),
        ({"alias": "candidate"}, "has no candidate"),
        ({"alias": "no such/alias"}, "has no no such/alias"),
        ({"version": "7"}, "has no 7"),
        ({"version": "-1"}, "has no -1"),
        ({"version": "1; DROP TABLE"}, "has no 1; DROP TABLE"),
        ({"version": "99999999999999999999"}, "has no 9999"),
    ],
)
def test_what_is_not_there_is_not_found(registry, model, files, wanted, message):
    registry.register(model, files())
    with pytest.raises(NotFoundError, match=re.escape(message)):
        registry.find(model, **wanted)


@pytest.mark.parametrize("wanted", [{}, {"alias": "candidate"}, {"version": "1"}, {"version": "x"}])
def test_a_model_that_is_not_there_is_answered_like_one_of_another_tenant(registry, model, wanted):
    with pytest.raises(NotFoundError, match="no model named") as own:
        registry.find(model, **wanted)
    with pytest.raises(NotFoundError, match="no model named") as foreign:
        own_model("acme/my-tc", "globex")
    assert (own.value.message, own.value.reason) == (foreign.value.message, foreign.value.reason)


def test_nothing_is_promoted_that_is_not_there(registry, model, files):
    registry.promote(model, registry.register(model, files()).version)
    with pytest.raises(NotFoundError, match="has no 2"):
        registry.promote(model, "2")
    assert registry.aliases(model) == {"champion": "1"}


class TestTenants:
    def test_each_sees_its_own(self, registry, files):
        names = [ModelName("acme", "tc"), ModelName("acme-2", "tc"), ModelName("acm", "e.tc"), ModelName("a", "b.c")]
        for name in names:
            registry.register(name, files(str(name).replace("/", "-")))
        registry.promote(names[0], "1")
        for name in names:
            [found] = registry.list(name.tenant)
            assert found == RegisteredModel(name, {"champion": "1"} if name == names[0] else {}, "1")
        assert registry.list("nobody") == []

    @pytest.mark.parametrize(
        ("tenant", "name"),
        [
            ("acme", "../x"), ("acme", "a/b"), ("acme", "A"), ("acme", ""), ("acme", "x" * 64), ("acme", "a:b"),
            ("ac.me", "a"), ("ac/me", "a"), ("", "a"), ("%", "a"), ("ac_me", "a"), ("acme", "a\n"), ("acme", ".a"),
        ],
    )  # fmt: skip
    def test_no_name_leads_out_of_a_tenants_namespace(self, tenant, name):
        with pytest.raises(InvalidRequestError, match=r"(tenant|name): .* is not the name of"):
            ModelName(tenant, name)

    @pytest.mark.parametrize("tenant", ["%", "acm_", "a' OR '1'='1"])
    def test_no_tenant_lists_by_wildcard(self, registry, tenant):
        with pytest.raises(InvalidRequestError, match="is not the name of a tenant"):
            registry.list(tenant)

    def test_deletion_takes_files_and_names_of_one_tenant_only(self, registry, home, files):
        for tenant, text in (("acme", "one"), ("acme", "two"), ("globex", "three")):
            registry.resolve(
                ModelName(tenant, text), version=registry.register(ModelName(tenant, text), files(text)).version
            )
        assert registry.delete_tenant("acme") == 2
        assert registry.list("acme") == []
        assert stored_files(home) == {"three"}
        assert {path.name for path in (home / "cache").glob("[!.]*")} == {"globex"}
        assert registry.register(ModelName("acme", "one"), files("one")).version == "1"

    @pytest.mark.parametrize(
        ("name", "tenant"),
        [("acme/tc", "globex"), ("acme/tc", ""), ("/tc", ""), ("acme/../globex/tc", "acme"), ("acme/", "acme")],
    )
    def test_a_name_of_another_tenant_is_unknown(self, name, tenant):
        with pytest.raises(NotFoundError, match=re.escape(f"no model named {name!r}")):
            own_model(name, tenant)

    def test_plain_names_are_shared(self):
        assert own_model("substrate-mp", "acme") is None
        assert own_model("", "acme") is None
        assert own_model("acme/tc", "acme") == ModelName("acme", "tc")


class TestCopies:
    def test_a_damaged_copy_is_fetched_again(self, registry, model, files):
        version = registry.register(model, files("one"))
        copy = registry.fetch(version)
        (copy / "model.safetensors").write_bytes(b"other")
        assert (registry.fetch(version) / "model.safetensors").read_bytes() == b"one"

    def test_damage_at_the_source_is_an_error_and_leaves_no_copy(self, registry, model, files, home):
        version = registry.register(model, files("one"))
        [stored] = (home / "artifacts").rglob("model.safetensors")
        stored.write_bytes(b"onf")
        with pytest.raises(CheckpointError, match="not those that were registered"):
            registry.fetch(version)
        assert not list((home / "cache").rglob("*.safetensors"))

    def test_a_copy_is_used_without_asking_for_it_again(self, registry, model, files, home):
        version = registry.register(model, files("one"))
        first = registry.fetch(version)
        [stored] = (home / "artifacts").rglob("model.safetensors")
        stored.unlink()
        assert registry.fetch(version) == first

    def test_a_copy_that_was_not_used_for_long_gives_way(self, home, model, files):
        import os

        registry = MlflowRegistry(RegistrySettings(folder=home, cache_bytes=30))
        versions = [registry.register(model, files(text)) for text in ("one", "two", "six")]
        old = registry.fetch(versions[0])
        recent = registry.fetch(versions[1])
        os.utime(old, (0, 0))
        assert registry.fetch(versions[2]).exists()
        assert not old.exists()
        assert recent.exists(), "somebody may still be reading it"


def test_links_are_not_registered(registry, model, files):
    folder = files("one")
    (folder / "more").symlink_to("/etc/hostname")
    with pytest.raises(CheckpointError, match="no plain files"):
        registry.register(model, folder)
    with pytest.raises(CheckpointError, match="no plain files"):
        registry.register(model, folder / "nothing")


def test_a_server_that_is_gone_is_told_as_such(home, model):
    settings = RegistrySettings(folder=home, tracking_uri="http://127.0.0.1:9", request_timeout_seconds=2)
    with pytest.raises(UnavailableError, match="registry does not answer"):
        MlflowRegistry(settings).find(model)


def test_settings_name_a_server_by_the_variable_of_mlflow(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    monkeypatch.setenv("EPITAXY_REGISTRY_FOLDER", str(tmp_path))
    settings = RegistrySettings()
    assert (settings.uri, settings.is_server, settings.artifacts) == ("http://mlflow:5000", True, None)
    assert settings.home == tmp_path
    assert registry_environment(tmp_path / "other") == {}, "an operator's own setting wins"


PROGRAM = """
import sys
from pathlib import Path
from epitaxy.chassis.model_names import ModelName
from epitaxy.registry.environment import registry_environment
from epitaxy.registry.mlflow_registry import MlflowRegistry
from epitaxy.registry.run_record import DataRecord, RunRecord
from epitaxy.registry.settings import RegistrySettings

registry, model = MlflowRegistry(RegistrySettings(folder=Path(sys.argv[1]))), ModelName("acme", "my-tc")
version = registry.register(model, Path(sys.argv[2]))
registry.promote(model, version.version)
print(version.version, (registry.resolve(model).folder / "card.json").read_text())
"""


def test_processes_that_start_at_once_on_a_new_database_lose_nothing(new_home, model, files):
    texts = ("one", "two")
    commands = [[sys.executable, "-c", PROGRAM, str(new_home), str(files(text))] for text in texts]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for command in commands
    ]
    ended = [(process.communicate(timeout=200), process.returncode) for process in running]
    assert [code for _, code in ended] == [0, 0], ended
    assert {output.split()[0] for (output, _), _ in ended} == {"1", "2"}
    registry = MlflowRegistry(RegistrySettings(folder=new_home))
    assert registry.find(model).version in {"1", "2"}
    assert {registry.card(version) for version in registry.versions(model)} == {f'{{"name": "{t}"}}' for t in texts}
    assert registry.aliases(model).keys() == {"champion", "previous"}


def test_a_folder_that_nobody_used_has_no_registry_and_a_server_is_taken_for_one(tmp_path) -> None:
    registry = MlflowRegistry(RegistrySettings(folder=tmp_path / "registry", tracking_uri=""))
    assert not registry.exists()
    assert registry.list("nobody") == []
    assert registry.exists()
    assert MlflowRegistry(RegistrySettings(folder=tmp_path / "other", tracking_uri="http://127.0.0.1:9")).exists()


def test_a_run_shows_parameters_metrics_data_and_a_readable_name(registry, model, files, home):
    record = RunRecord(
        params={"seed": "7", "unit": "K"},
        metrics={"mae": 1.5, "mae.block_gp": 1.5, "mae_high": math.inf},
        tags={"verdict": "HELPS"},
        data=DataRecord("tc_k", f"sha256:{'a' * 64}", 29, {"tc_k": "K"}),
    )
    registered = registry.register(model, files("one"), record=record)
    run = mlflow.MlflowClient(f"sqlite:///{home}/mlflow.db").get_run(registered.run_id)
    assert run.info.run_name == f"{model.name}:1"
    assert (run.data.params, run.data.metrics) == ({"seed": "7", "unit": "K"}, {"mae": 1.5, "mae.block_gp": 1.5})
    assert run.data.tags["verdict"] == "HELPS"
    [data] = run.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("tc_k", "a" * 36)
    assert json.loads(data.dataset.profile) == {"num_rows": 29}
    assert [(tag.key, tag.value) for tag in data.tags] == [("mlflow.data.context", "training")]
