"""Champions that have answered: one that does not load never takes the place of one that does."""

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Protocol

from epitaxy.chassis.errors import FailedPreconditionError, NotFoundError, RetryLaterError
from epitaxy.chassis.model_names import ModelName
from epitaxy.prediction.tenants.recent_answers import Remembered
from epitaxy.registry.ports import ModelVersion
from epitaxy_models.errors import EpitaxyError

_LOG = logging.getLogger(__name__)
# Longer than loading takes to find the damage, so that calls for the model do not keep a replica busy loading it.
_SECONDS_BETWEEN_TRIES = 30.0
_CAPACITY = 4096
_VersionKey = tuple[str, str]
"""``TENANT/NAME:VERSION`` and its digest."""


class ChampionMetrics(Protocol):
    """Counts champions that are not served."""

    def count_not_loaded(self, reason: str) -> None:
        """Counts a try to load a champion that failed, with another version serving in its place."""


class KeptChampions:
    """Which version serves a model's name: the champion, or the last one that loaded. The event loop owns it.

    A replica that has served no champion of the model yet takes the ``previous`` one of the registry.
    """

    def __init__(self, open_version: Callable[[ModelVersion], Awaitable[None]], metrics: ChampionMetrics) -> None:
        """``open_version`` loads a version; it raises FailedPreconditionError or RetryLaterError."""
        self._open, self._metrics = open_version, metrics
        self._kept: OrderedDict[ModelName, ModelVersion] = OrderedDict()
        self._failed: Remembered[_VersionKey, EpitaxyError] = Remembered(_SECONDS_BETWEEN_TRIES)

    async def choose(
        self, champion: ModelVersion, find_previous: Callable[[], Awaitable[ModelVersion]]
    ) -> ModelVersion:
        """The version that answers. Raises what kept the champion from loading if no other version loads."""
        kept = self._kept.get(champion.model)
        if kept is not None and _key(kept) == _key(champion):
            return kept
        failure = self._failed.get(_key(champion))
        if failure is None:
            try:
                await self._open(champion)
            except (FailedPreconditionError, RetryLaterError) as error:
                failure = error
            else:
                self._keep(champion)
                return champion
        return await self._instead(champion, kept, find_previous, failure)

    async def _instead(
        self,
        champion: ModelVersion,
        kept: ModelVersion | None,
        find_previous: Callable[[], Awaitable[ModelVersion]],
        failure: EpitaxyError,
    ) -> ModelVersion:
        serving = kept if kept is not None else await self._previous(find_previous, failure)
        if self._failed.get(_key(champion)) is None:
            self._failed.put(_key(champion), failure)
            self._metrics.count_not_loaded(failure.reason)
            _LOG.error(
                "%s version %s does not load, version %s goes on serving: %s",
                champion.model,
                champion.version,
                serving.version,
                failure.message,
            )
        return serving

    async def _previous(
        self, find_previous: Callable[[], Awaitable[ModelVersion]], failure: EpitaxyError
    ) -> ModelVersion:
        try:
            previous = await find_previous()
            await self._open(previous)
        except (NotFoundError, FailedPreconditionError, RetryLaterError):
            raise failure from None
        return previous

    def _keep(self, version: ModelVersion) -> None:
        self._kept[version.model] = version
        self._kept.move_to_end(version.model)
        if len(self._kept) > _CAPACITY:
            self._kept.popitem(last=False)


def _key(version: ModelVersion) -> _VersionKey:
    return f"{version.model}:{version.version}", version.digest
