"""The registry in MLflow: the only module that imports it for models."""

import builtins
import fcntl
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from epitaxy.chassis.errors import (
    FailedPreconditionError,
    NotFoundError,
    UnavailableError,
)
from epitaxy.chassis.model_names import ModelName, unknown_model
from epitaxy.chassis.storage import is_storage_full, storage_full
from epitaxy.registry.artifact_cache import ArtifactCache, check_digest
from epitaxy.registry.mlflow_runs import write_record
from epitaxy.registry.ports import Alias, LocalCopy, ModelVersion, RegisteredModel, ResolvedModel
from epitaxy.registry.run_record import RunRecord
from epitaxy.registry.settings import RegistrySettings
from epitaxy_models.errors import EpitaxyError
from epitaxy_models.transfer.fitted.digest import folder_digest

# Between tenant and name; no tenant's name holds one, so that the first one parts them.
_SEPARATOR = "."
_FILES = "model"
_BESIDE = "report"
_CARD = "card.json"
_DIGEST = "epitaxy.digest"
_POLICY = "epitaxy.review_policy"
_PAGE = 100
_ABSENT = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}
_SILENT = "the model registry does not answer: send it again"
# MLflow counts versions in 32 bits.
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


class MlflowRegistry:
    """Implements ModelRegistry on sqlite and files, or on a server.

    Each version is one run of the tenant's experiment, whose artefacts are the files of the model; digest and tags are
    with the version. Nothing is loaded through MLflow's flavours: files go in and out as they are.
    """

    def __init__(self, settings: RegistrySettings) -> None:
        self._settings = settings
        self._cache = ArtifactCache(settings.home / "cache", settings.cache_bytes)
        self._lock = threading.Lock()
        self._connected: Any = None

    def register(
        self,
        model: ModelName,
        folder: Path,
        tags: Mapping[str, str] | None = None,
        beside: Mapping[str, bytes] | None = None,
        record: RunRecord | None = None,
    ) -> ModelVersion:
        """Stores the files of a folder as a new version; the same files again are the version that they are.

        ``beside`` are files for people who look at the run, such as reports, and ``record`` is what its page shows;
        the digest covers neither.
        """
        digest = folder_digest(folder)
        with self._exchange(model) as client:
            self._ensure_model(client, model)
            same = [version for version in self._versions(client, model) if version.digest == digest]
            if same:
                return same[0]
            run_id = client.create_run(self._experiment(client, model.tenant), run_name=str(model.name)).info.run_id
            write_record(client, run_id, record or RunRecord())
            client.log_artifacts(run_id, str(folder), _FILES)
            with TemporaryDirectory() as scratch:
                for name, content in (beside or {}).items():
                    path = Path(scratch) / name
                    path.write_bytes(content)
                    client.log_artifact(run_id, str(path), _BESIDE)
            client.set_terminated(run_id)
            source = f"{client.get_run(run_id).info.artifact_uri}/{_FILES}"
            labels = {**(tags or {}), _DIGEST: digest}
            created = client.create_model_version(
                _registered_name(model), source, run_id, tags=labels, await_creation_for=0
            )
            client.update_run(run_id, name=f"{model.name}:{created.version}")
            return _version(model, created)

    def exists(self) -> bool:
        """False if the folder's own database has never been used."""
        return self._settings.exists

    def find(self, model: ModelName, *, alias: str = "", version: str = "") -> ModelVersion:
        """The version of that number, else of that alias, else the champion."""
        name = _registered_name(model)
        with self._exchange(model, wanted=version or alias or Alias.CHAMPION) as client:
            if version and not _NUMBER.fullmatch(version):
                raise _absence(client, model, version)
            if version:
                return _version(model, client.get_model_version(name, version))
            return _version(model, client.get_model_version_by_alias(name, alias or Alias.CHAMPION.value))

    def fetch(self, version: ModelVersion) -> Path:
        """Local folder of the files, checked."""
        return self._cache.folder(version.model.tenant, version.digest, lambda draft: self._download(version, draft))

    def download(self, version: ModelVersion, folder: Path) -> None:
        """Into the folder, past the cache."""
        self._download(version, folder)
        check_digest(folder, version.digest)

    def resolve(self, model: ModelName, *, alias: str = "", version: str = "") -> ResolvedModel:
        """`find`, then `fetch`."""
        found = self.find(model, alias=alias, version=version)
        return ResolvedModel(found, self.fetch(found))

    def card(self, version: ModelVersion) -> str:
        """The card alone, as JSON text."""
        with TemporaryDirectory() as scratch, self._exchange(version.model, wanted=version.version) as client:
            path = client.download_artifacts(version.run_id, f"{_FILES}/{_CARD}", scratch)
            return Path(path).read_text()

    def list(self, tenant: str) -> list[RegisteredModel]:
        """All models of a tenant, by name."""
        with self._exchange() as client:
            found = [_model(client, entry) for entry in _registered(client, tenant)]
        return sorted(found, key=lambda entry: entry.model.name)

    def versions(self, model: ModelName) -> builtins.list[ModelVersion]:
        """All versions, the newest first."""
        with self._exchange(model) as client:
            client.get_registered_model(_registered_name(model))
            return self._versions(client, model)

    def aliases(self, model: ModelName) -> dict[str, str]:
        """Version by alias."""
        with self._exchange(model) as client:
            return _aliases(client.get_registered_model(_registered_name(model)))

    def review_policy(self, model: ModelName) -> str:
        """Its tag."""
        with self._exchange(model) as client:
            return str(client.get_registered_model(_registered_name(model)).tags.get(_POLICY, ""))

    def set_review_policy(self, model: ModelName, text: str) -> None:
        """Keeps it as a tag of the registered model."""
        with self._exchange(model) as client:
            client.get_registered_model(_registered_name(model))
            client.set_registered_model_tag(_registered_name(model), _POLICY, text)

    def set_alias(self, model: ModelName, alias: Alias, version: str) -> None:
        """Makes an alias point to a version."""
        self.find(model, version=version)
        with self._exchange(model, wanted=version) as client:
            client.set_registered_model_alias(_registered_name(model), alias.value, version)

    def promote(self, model: ModelName, version: str) -> None:
        """Makes a version the champion; the champion so far becomes ``previous``."""
        self.find(model, version=version)
        with self._alone(model):
            champion = self.aliases(model).get(Alias.CHAMPION)
            if champion == version:
                return
            if champion is not None:
                self.set_alias(model, Alias.PREVIOUS, champion)
            # Last: until here the champion is unchanged.
            self.set_alias(model, Alias.CHAMPION, version)

    def roll_back(self, model: ModelName) -> ModelVersion:
        """Makes ``previous`` the champion, and the champion so far ``previous``; the new champion."""
        with self._alone(model):
            aliases = self.aliases(model)
            previous = aliases.get(Alias.PREVIOUS)
            if previous is None:
                raise FailedPreconditionError(
                    f"{model} has no previous version: promote another one", reason="NO_PREVIOUS_VERSION"
                )
            self.set_alias(model, Alias.CHAMPION, previous)
            self.set_alias(model, Alias.PREVIOUS, aliases.get(Alias.CHAMPION, previous))
        return self.find(model, version=previous)

    def tenants(self) -> builtins.list[str]:
        """Those of the names of all registered models."""
        with self._exchange() as client:
            found = _pages(lambda token: client.search_registered_models(max_results=_PAGE, page_token=token))
            return sorted({entry.name.partition(_SEPARATOR)[0] for entry in found})

    def delete_version(self, version: ModelVersion) -> None:
        """Deletes a version, then its run and files."""
        with self._alone(version.model):
            named = [alias for alias, number in self.aliases(version.model).items() if number == version.version]
            if named:
                raise FailedPreconditionError(
                    f"{version.model}:{version.version} is {' and '.join(named)}: it stays", reason="VERSION_IN_USE"
                )
            with self._exchange(version.model, wanted=version.version) as client:
                client.delete_model_version(_registered_name(version.model), version.version)
                self._delete_files(client, version.run_id)

    def prune_copies(self, age: timedelta, *, dry_run: bool = False) -> Iterator[LocalCopy]:
        """Of the cache's folder."""
        return self._cache.prune(age.total_seconds(), dry_run=dry_run)

    def delete_tenant(self, tenant: str) -> int:
        """Deletes all models of a tenant with their files; how many models there were."""
        models = self.list(tenant)
        with self._exchange() as client:
            for entry in models:
                versions = self._versions(client, entry.model)
                # The names go first: a model half deleted is served no more.
                client.delete_registered_model(_registered_name(entry.model))
                for version in versions:
                    self._delete_files(client, version.run_id)
        self._cache.forget(tenant)
        return len(models)

    def _delete_files(self, client: Any, run_id: str) -> None:
        from mlflow.store.artifact.artifact_repository_registry import (  # noqa: PLC0415  # as below
            get_artifact_repository,
        )

        location = client.get_run(run_id).info.artifact_uri
        repository = get_artifact_repository(location, tracking_uri=self._settings.uri)
        repository.delete_artifacts()
        client.delete_run(run_id)

    def _download(self, version: ModelVersion, draft: Path) -> None:
        with TemporaryDirectory(dir=draft.parent) as scratch:
            with self._exchange(version.model, wanted=version.version) as client:
                downloaded = client.download_artifacts(version.run_id, _FILES, scratch)
            for path in Path(downloaded).iterdir():
                path.rename(draft / path.name)

    @staticmethod
    def _versions(client: Any, model: ModelName) -> builtins.list[ModelVersion]:
        found = _pages(
            lambda token: client.search_model_versions(f"name='{_registered_name(model)}'", _PAGE, page_token=token)
        )
        return sorted((_version(model, entry) for entry in found), key=lambda entry: -int(entry.version))

    @staticmethod
    def _ensure_model(client: Any, model: ModelName) -> None:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415  # as below

        try:
            client.create_registered_model(_registered_name(model))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _experiment(self, client: Any, tenant: str) -> str:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415  # as below

        name = f"epitaxy models of {tenant}"
        found = client.get_experiment_by_name(name)
        if found is None:
            root = self._settings.artifacts
            try:
                return str(client.create_experiment(name, artifact_location=root and f"{root}/{tenant}"))
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
                found = client.get_experiment_by_name(name)
        return str(found.experiment_id)

    @contextmanager
    def _exchange(self, model: ModelName | None = None, wanted: str = "") -> Iterator[Any]:
        """A client; errors of MLflow become errors of ours."""
        try:
            client = self._client()
        except Exception as error:
            raise UnavailableError(_SILENT) from error
        from mlflow.exceptions import MlflowException  # noqa: PLC0415  # as below

        try:
            yield client
        except MlflowException as error:
            if model is not None and error.error_code in _ABSENT:
                raise _absence(client, model, wanted) from error
            raise storage_full("the model") if is_storage_full(error) else UnavailableError(_SILENT) from error
        except OSError as error:
            if is_storage_full(error):
                raise storage_full("the model") from error
            raise UnavailableError("the files of the model registry cannot be reached: send it again") from error

    def _client(self) -> Any:
        """Connected at the first use: the import alone takes a second, and most replicas never serve a tenant."""
        with self._lock:
            if self._connected is None:
                self._connected = _connected(self._settings)
            return self._connected

    @contextmanager
    def _alone(self, model: ModelName) -> Iterator[None]:
        """Keeps other processes of this machine from moving the aliases of the same tenant meanwhile."""
        locks = self._settings.home / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        with (locks / model.tenant).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _connected(settings: RegistrySettings) -> Any:
    settings.home.mkdir(parents=True, exist_ok=True)
    if settings.is_server:
        # By default MLflow retries for minutes if a server is gone.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(settings.request_timeout_seconds))
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    # A bar a file, on the standard error of a service.
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    from mlflow import MlflowClient  # noqa: PLC0415  # a second that only users of the registry pay

    # Two processes that make the tables of one new database at once break it.
    with (settings.home / "start.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        client = MlflowClient(tracking_uri=settings.uri, registry_uri=settings.uri)
        client.search_registered_models(max_results=1)
        client.search_experiments(max_results=1)
    return client


def _registered_name(model: ModelName) -> str:
    return f"{model.tenant}{_SEPARATOR}{model.name}"


def _registered(client: Any, tenant: str) -> Iterator[Any]:
    prefix = f"{ModelName(tenant, 'any').tenant}{_SEPARATOR}"
    found = _pages(lambda token: client.search_registered_models(f"name LIKE '{prefix}%'", _PAGE, page_token=token))
    # Some databases compare without case, and ``LIKE`` of some knows more wildcards.
    return (entry for entry in found if entry.name.startswith(prefix))


def _pages(ask: Callable[[str | None], Any]) -> Iterator[Any]:
    token: str | None = None
    while True:
        page = ask(token)
        yield from page
        token = page.token
        if not token:
            return


def _model(client: Any, entry: Any) -> RegisteredModel:
    tenant, _, name = entry.name.partition(_SEPARATOR)
    latest = max((int(version.version) for version in entry.latest_versions or ()), default=0)
    return RegisteredModel(ModelName(tenant, name), _aliases(entry), str(latest))


def _aliases(entry: Any) -> dict[str, str]:
    return {alias: str(version) for alias, version in entry.aliases.items()}


def _version(model: ModelName, entry: Any) -> ModelVersion:
    tags = dict(entry.tags)
    return ModelVersion(
        model,
        str(entry.version),
        tags.pop(_DIGEST, ""),
        str(entry.run_id),
        tags,
        datetime.fromtimestamp(entry.creation_timestamp / 1000, UTC),
    )


def _absence(client: Any, model: ModelName, wanted: str) -> EpitaxyError:
    """What is not there: the model, or what was wanted of it."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415  # as above

    try:
        client.get_registered_model(_registered_name(model))
    except MlflowException as error:
        return unknown_model(str(model)) if error.error_code in _ABSENT else UnavailableError(_SILENT)
    return _no_version(model, wanted)


def _no_version(model: ModelName, wanted: str) -> NotFoundError:
    return NotFoundError(f"model {str(model)!r} has no {wanted}", reason="UNKNOWN_VERSION")
