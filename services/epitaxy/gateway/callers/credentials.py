"""Keys of the tenants file and tokens of an identity provider, told apart by how they look."""

from epitaxy.chassis.callers import Caller
from epitaxy.chassis.interceptors import Authenticator

_KEY_PREFIX = "epx_"


class Credentials:
    """Implements Authenticator by either."""

    def __init__(self, keys: Authenticator, tokens: Authenticator) -> None:
        self._keys, self._tokens = keys, tokens

    async def identify(self, credential: str) -> Caller:
        """Who presents a key or a token. Raises UnauthenticatedError."""
        is_token = not credential.startswith(_KEY_PREFIX) and credential.count(".") == 2  # RFC 7519
        return await (self._tokens if is_token else self._keys).identify(credential)
