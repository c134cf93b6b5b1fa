"""The use case of a refit: the labels of an earlier version, fitted again on the substrate as it is now."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from json import loads
from typing import Any

from epitaxy.chassis.errors import NotFoundError
from epitaxy.chassis.model_names import ModelName
from epitaxy.finetune.domain.job import FineTuneJob
from epitaxy.finetune.domain.label_table import LabelFile, LabelTable, StoredLabels
from epitaxy.finetune.domain.spec import RefittedVersion, check_model_name
from epitaxy.finetune.jobs import Jobs
from epitaxy.finetune.ports import ModelRegistry, RequestKey
from epitaxy.registry.ports import Alias, ModelVersion


@dataclass(frozen=True, slots=True)
class RefitRequest:
    """What a tenant asks for.

    Attributes:
        model_name: Name of the model.
        version: Its version; empty: the champion, or the latest version if there is none.
        max_seconds: Longest run time, seconds; None: as the job that made the version.
        use_gpu: Whether the job waits for a GPU.
        labels: The labels; None: those that are kept of the job that made the version.
    """

    model_name: str
    version: str = ""
    max_seconds: float | None = None
    use_gpu: bool = False
    labels: LabelTable | LabelFile | None = None


@dataclass(frozen=True, slots=True)
class Refits:
    """Starts refits, for one tenant each."""

    jobs: Jobs
    registry: ModelRegistry

    def create(self, tenant: str, asked: RefitRequest, key: RequestKey | None) -> FineTuneJob:
        """Starts a job with the specification of the one that made the version.

        Raises NotFoundError for an unknown version, or if its labels are no longer kept and none are given; otherwise
        as `Jobs.create`.
        """
        known = self.jobs.store.find_request(tenant, key) if key else None
        if known is not None:
            return known
        check_model_name(asked.model_name, "spec.model_name")
        version = self._version(ModelName(tenant, asked.model_name), asked.version)
        made = self.jobs.store.of_version(tenant, asked.model_name, version.version)
        if made is None:
            raise NotFoundError(
                f"the job that made {asked.model_name} version {version.version} is gone: create the model again from "
                "its labels",
                reason="UNKNOWN_JOB",
            )
        budget = replace(
            made.spec.budget,
            max_seconds=asked.max_seconds or made.spec.budget.max_seconds,
            use_gpu=asked.use_gpu,
        )
        spec = replace(made.spec, budget=budget, refit_of=_refitted(version, self.registry.card(version)))
        try:
            return self.jobs.create(tenant, spec, asked.labels or StoredLabels(made.id), key)
        except NotFoundError as error:
            if asked.labels is not None:
                raise
            raise NotFoundError(f"{error.message}: give them again with the refit", reason=error.reason) from error

    def _version(self, model: ModelName, version: str) -> ModelVersion:
        if version:
            return self.registry.find(model, version=version)
        try:
            return self.registry.find(model, alias=Alias.CHAMPION)
        except NotFoundError:
            versions = self.registry.versions(model)
            if not versions:
                raise
            return versions[0]


def _refitted(version: ModelVersion, card_json: str) -> RefittedVersion:
    card: Mapping[str, Any] = loads(card_json)
    base, shares = card["base"], card.get("training", {}).get("shares", {})
    label = f"{base['name']}:{base['version']}"
    return RefittedVersion(version.version, label, base["digest"], card["strategy"], dict(shares))
