import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "services" / "prediction"))

from prediction_rig import MAX_SITES, Rig
from redis_process import RedisProcess

from epitaxy.prediction.cache.redis_client import RedisClient
from epitaxy.prediction.cache.redis_embeddings import RedisEmbeddings
from epitaxy.prediction.cache.redis_readings import RedisReadings
from epitaxy.prediction.cache.tiers import TieredEmbeddings
from epitaxy.prediction.settings import PredictionSettings
from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.ensembles.artifact import ModelArtifact, load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.structures import IntakeLimits, Structure

# So long that a busy machine alone never makes Redis count as down.
TIMEOUT_SECONDS = 2.0
RETRY_SECONDS = 0.2
TTL_SECONDS = 1234


@pytest.fixture(scope="session")
def artifact() -> ModelArtifact:
    return load_artifact(shipped_model())


@pytest.fixture(scope="session")
def embedder(artifact: ModelArtifact) -> Embedder:
    torch.set_num_threads(1)
    return Embedder(artifact)


@pytest.fixture(scope="session")
def crystals() -> list[Structure]:
    """24 real compounds of many structure types, each another crystal."""
    small = [crystal.structure for crystal in bundled_crystals() if crystal.structure.n_sites <= 30]
    return small[:: len(small) // 24][:24]


@pytest.fixture
def redis_process(tmp_path: Path) -> Iterator[RedisProcess]:
    """A Redis that a test may harm."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    process = RedisProcess(tmp_path)
    process.start()
    yield process
    process.kill()


@pytest.fixture(scope="session")
def _shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    process = RedisProcess(tmp_path_factory.mktemp("redis"))
    process.start()
    yield process
    process.kill()


@pytest.fixture
def redis(_shared_redis: RedisProcess) -> RedisProcess:
    """A Redis that nothing is in."""
    _shared_redis.client.flushall()
    return _shared_redis


@pytest.fixture
def states() -> list[bool]:
    """What the stores of a test told of Redis, in order: it answered, or it did not."""
    return []


@pytest.fixture
async def replica(artifact: ModelArtifact, embedder: Embedder, states: list[bool]) -> AsyncIterator[Callable[..., Rig]]:
    """Builds services as intake replicas do: a local cache of their own in front of one Redis."""
    stores: list[RedisClient] = []
    shape = (artifact.card.backbone.n_members, artifact.card.backbone.embedding_width)

    def build(
        url: str,
        local_bytes: int = 64 * 2**20,
        model: str = "model",
        rule: str = "rule",
        readings_bytes: int = 0,
        **settings: float,
    ) -> Rig:
        options = {"redis_timeout_seconds": TIMEOUT_SECONDS, "redis_retry_seconds": RETRY_SECONDS} | settings
        chosen = PredictionSettings(redis_url=url, cache_ttl_seconds=TTL_SECONDS, **options)
        stores.append(RedisClient(chosen, states.append))
        store = RedisEmbeddings(stores[-1], model, rule, shape)
        limits = IntakeLimits(max_sites=MAX_SITES)
        answers = None
        if readings_bytes:
            answers = RedisReadings(stores[-1], artifact, limits, share_texts=chosen.share_texts)
        return Rig(artifact, embedder, executor, TieredEmbeddings(local_bytes, store), None, readings_bytes, answers)

    with ThreadPoolExecutor(max_workers=1) as executor:
        yield build
        for store in stores:
            await store.close()
