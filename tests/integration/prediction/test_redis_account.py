"""A Redis that asks for a user and a password, given apart from the URL: nothing in them has to be encoded."""

from epitaxy.prediction.cache.redis_client import RedisClient
from epitaxy.prediction.settings import PredictionSettings

PASSWORD = "p/@:%"


async def _round_trip(url: str, **account: str) -> dict[bytes, bytes]:
    entries = RedisClient(PredictionSettings(redis_url=url, redis_timeout_seconds=5.0, **account))
    await entries.write([(b"prefix:6b", b"held")])
    found = await entries.read(b"prefix:", [b"k"])
    await entries.close()
    return found


async def test_user_and_password_open_it_as_they_are(redis_process) -> None:
    redis_process.client.acl_setuser(
        "epitaxy", enabled=True, passwords=[f"+{PASSWORD}"], keys=["*"], commands=["+@all"]
    )
    redis_process.client.acl_setuser("default", enabled=False)
    try:
        assert await _round_trip(redis_process.url, redis_user="epitaxy", redis_password=PASSWORD) == {b"k": b"held"}
        assert await _round_trip(redis_process.url, redis_user="epitaxy", redis_password="wrong") == {}
    finally:
        redis_process.kill()


def test_settings_show_no_password() -> None:
    assert PASSWORD not in repr(PredictionSettings(redis_password=PASSWORD))
