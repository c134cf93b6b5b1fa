"""Tenants' models in this replica: which version a name means now, its card, and the model itself when it is needed."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from epitaxy.chassis.errors import FailedPreconditionError, NotFoundError
from epitaxy.chassis.model_names import ModelName
from epitaxy.prediction.cache.lru import LruCache
from epitaxy.prediction.tenants.kept_champions import ChampionMetrics, KeptChampions
from epitaxy.prediction.tenants.lanes import TenantLanes
from epitaxy.prediction.tenants.recent_answers import RecentAnswers, Remembered
from epitaxy.registry.ports import Alias, ModelRegistry, ModelVersion, RegisteredModel
from epitaxy_models.ensembles.catalogue import SubstrateCatalogue
from epitaxy_models.errors import CheckpointError, ConfigurationError
from epitaxy_models.materials import MaterialKind
from epitaxy_models.review import DEFAULT_POLICY, ReviewPolicy
from epitaxy_models.transfer.fitted.card import TransferCard
from epitaxy_models.transfer.fitted.files import card_of, is_network, kinds_of
from epitaxy_models.transfer.fitted.model import TransferModel

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")
_CARDS_BYTES = 32 * 2**20
# Longer than loading takes to find the damage, so that calls for the model do not keep a replica busy loading it.
_DAMAGED_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """A version that can answer.

    Attributes:
        version: In the registry.
        card: What is known of it.
        card_json: The card as it was stored.
        is_network: Whether it brings a backbone of its own.
        n_members: Fits whose disagreement is its spread.
        kind: What it answers.
    """

    version: ModelVersion
    card: TransferCard
    card_json: str
    is_network: bool
    n_members: int
    kind: MaterialKind = MaterialKind.STRUCTURE


class TenantModels:
    """Names to versions, versions to cards and models; one cache each. The event loop owns it.

    The registry is asked again after ``poll_seconds``, by which time every replica serves what was promoted. Files are
    read in the pool, a few at a time a tenant.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        pool: TenantLanes,
        substrates: SubstrateCatalogue,
        poll_seconds: float,
        capacity_bytes: int,
        metrics: ChampionMetrics,
        *,
        runs_networks: bool = True,
    ) -> None:
        """``runs_networks`` False: models with a backbone of their own run in another process, and load there."""
        self._registry, self._pool, self._substrates = registry, pool, substrates
        self._versions: RecentAnswers[tuple[ModelName, str, str], ModelVersion] = RecentAnswers(poll_seconds)
        self._policies: RecentAnswers[ModelName, ReviewPolicy] = RecentAnswers(poll_seconds)
        self._lists: RecentAnswers[str, list[RegisteredModel]] = RecentAnswers(poll_seconds)
        self._cards: LruCache[ServedVersion] = LruCache(_CARDS_BYTES, lambda served: 2 * len(served.card_json))
        self._damaged: Remembered[bytes, FailedPreconditionError] = Remembered(_DAMAGED_SECONDS)
        self._loading: dict[bytes, asyncio.Task[TransferModel]] = {}
        self._models: LruCache[TransferModel] = LruCache(capacity_bytes, lambda model: model.n_bytes)
        self._runs_networks = runs_networks
        self._champions = KeptChampions(self._try, metrics)

    @property
    def registry(self) -> ModelRegistry:
        """The registry of the models."""
        return self._registry

    async def resolve(self, model: ModelName, *, alias: str = "", version: str = "") -> ServedVersion:
        """The version that a name means now: of a champion that does not load, the one that served before.

        Raises NotFoundError, FailedPreconditionError for a version that cannot answer.
        """
        found = await self._find(model, alias, version)
        if not version and alias in ("", Alias.CHAMPION):
            found = await self._champions.choose(found, lambda: self._find(model, Alias.PREVIOUS, ""))
        return await self._with_card(found)

    async def _find(self, model: ModelName, alias: str, version: str) -> ModelVersion:
        find = partial(self._registry.find, model, alias=alias, version=version)
        return await self._versions.get((model, alias, version), lambda: self._pool.run(model.tenant, find))

    async def _try(self, version: ModelVersion) -> None:
        """Loads what will answer in this process; of the rest the card is read and the files are fetched."""
        served = await self._with_card(version)
        if self._runs_networks or not served.is_network:
            await self.load(version)
        else:
            await self._guarded(version, partial(self._registry.fetch, version))

    async def read_policy(self, served: ServedVersion) -> ReviewPolicy:
        """The policy that reviews a model's answers now; one that cannot be read sends every answer to review."""
        model = served.version.model
        ask = partial(_read_policy, self._registry, model)
        policy = await self._policies.get(model, lambda: self._pool.run(model.tenant, ask))
        try:
            policy.check_properties([served.card.definition.name])
        except ConfigurationError as error:
            policy = ReviewPolicy.damaged(error.message)
        return policy.of_model(is_constant=served.card.is_constant)

    async def load(self, version: ModelVersion) -> TransferModel:
        """The model itself. Raises FailedPreconditionError if its files are damaged or its substrate is unknown."""
        key = _key(version)
        held = self._models.get(key)
        if held is not None:
            return held
        task = self._loading.get(key)
        if task is None:
            task = self._loading[key] = asyncio.ensure_future(self._load(key, version))
            task.add_done_callback(lambda _: self._loading.pop(key, None))
        # Shielded: others wait for the same files even if the first caller leaves.
        return await asyncio.shield(task)

    async def list_served(self, tenant: str) -> list[tuple[ServedVersion, tuple[str, ...]]]:
        """The tenant's champions and candidates with their aliases, by name; a damaged one is left out."""
        ask = partial(self._registry.list, tenant)
        models = await self._lists.get(tenant, lambda: self._pool.run(tenant, lambda: list(ask())))
        found = []
        for entry in models:
            shown = {entry.aliases[alias] for alias in (Alias.CHAMPION, Alias.CANDIDATE) if alias in entry.aliases}
            for version in sorted(shown, key=int):
                try:
                    served = await self.resolve(entry.model, version=version)
                except (NotFoundError, FailedPreconditionError):
                    continue
                aliases = sorted(alias for alias, target in entry.aliases.items() if target == version)
                found.append((served, tuple(aliases)))
        return found

    async def read_aliases(self, version: ModelVersion) -> tuple[str, ...]:
        """Aliases that point to a version now."""
        found = await self._pool.run(version.model.tenant, partial(self._registry.aliases, version.model))
        return tuple(sorted(alias for alias, target in found.items() if target == version.version))

    async def _with_card(self, version: ModelVersion) -> ServedVersion:
        held = self._cards.get(_key(version))
        if held is not None:
            return held
        served = await self._guarded(version, partial(_read_card, self._registry, version))
        self._cards.put(_key(version), served)
        return served

    async def _load(self, key: bytes, version: ModelVersion) -> TransferModel:
        known = self._damaged.get(key)
        if known is not None:
            raise FailedPreconditionError(known.message, reason=known.reason)
        try:
            model = await self._guarded(version, partial(self._read_model, version))
        except FailedPreconditionError as error:
            self._damaged.put(key, error)
            raise
        self._models.put(key, model)
        return model

    def _read_model(self, version: ModelVersion) -> TransferModel:
        model = TransferModel.load(self._registry.fetch(version))
        base = model.card.base
        # Whoever answers other materials checks their substrate.
        if kind_of(model.card) is MaterialKind.STRUCTURE:
            self._substrates.require(base.digest, f"{base.name} {base.version}")
        _LOG.info("loaded %s version %s", version.model, version.version)
        return model

    async def _guarded(self, version: ModelVersion, read: Callable[[], _T]) -> _T:
        try:
            return await self._pool.run(version.model.tenant, read)
        except CheckpointError as error:
            _LOG.warning("%s version %s cannot be served: %s", version.model, version.version, error.message)
            message = f"{version.model} version {version.version} cannot be served: {error.message}; roll back"
            raise FailedPreconditionError(message, reason=error.reason) from error


def kind_of(card: TransferCard) -> MaterialKind:
    """What a model answers: crystals, unless its card says otherwise. Raises CheckpointError for an unknown kind."""
    named = str(card.training.get("kind", MaterialKind.STRUCTURE.value))
    if named not in set(MaterialKind):
        raise CheckpointError(f"the model answers {named!r:.40}, which this code does not know", reason="UNKNOWN_KIND")
    return MaterialKind(named)


def _read_card(registry: ModelRegistry, version: ModelVersion) -> ServedVersion:
    text = registry.card(version)
    kinds, card = kinds_of(text), card_of(text)
    kind = kind_of(card)
    has_network = is_network(part for member in kinds for part in member)
    return ServedVersion(version, card, text, has_network, len(kinds), kind)


def _read_policy(registry: ModelRegistry, model: ModelName) -> ReviewPolicy:
    text = registry.review_policy(model)
    if not text:
        return DEFAULT_POLICY
    try:
        return ReviewPolicy.from_text(text)
    except ConfigurationError as error:
        _LOG.warning("the review policy of %s cannot be read: %s", model, error.message)
        return ReviewPolicy.damaged(error.message)


def _key(version: ModelVersion) -> bytes:
    return f"{version.model}:{version.version}:{version.digest}".encode()
