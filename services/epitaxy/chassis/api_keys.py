"""API keys: made here, shown once, stored as hashes.

A key is ``epx_<id>_<secret>``: 8 random bytes that name it and 32 that prove it. Against 256 random bits there is
nothing to guess, so one fast hash is enough (a password would need a slow one); the id salts it.
"""

import re
from dataclasses import dataclass
from hashlib import blake2b
from hmac import compare_digest
from secrets import token_hex, token_urlsafe

_KEY = re.compile(r"epx_(?P<id>[0-9a-f]{16})_(?P<secret>[A-Za-z0-9_-]{43})")
_HASH = re.compile(r"blake2b:(?P<id>[0-9a-f]{16}):(?P<digest>[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class KeyHash:
    """What a tenants file holds of a key.

    Attributes:
        key_id: The public part of the key.
        digest: blake2b of the secret part, salted with the id, 32 bytes in hex.
    """

    key_id: str
    digest: str

    @classmethod
    def parse(cls, line: str) -> "KeyHash":
        """Reads ``blake2b:<id>:<digest>``. Raises ValueError."""
        match = _HASH.fullmatch(line)
        if match is None:
            raise ValueError("a key hash reads blake2b:<16 hex digits>:<64 hex digits>; make one with `keys new`")
        return cls(match["id"], match["digest"])

    @classmethod
    def of(cls, key: str) -> "KeyHash | None":
        """The hash of a key; None if the text is not a key."""
        match = _KEY.fullmatch(key)
        if match is None:
            return None
        salted = blake2b(match["secret"].encode(), salt=bytes.fromhex(match["id"]), digest_size=32)
        return cls(match["id"], salted.hexdigest())

    def matches(self, other: "KeyHash") -> bool:
        """Whether both belong to one key, in a time that does not depend on the place where they differ."""
        return compare_digest(self.digest, other.digest) and self.key_id == other.key_id

    def __str__(self) -> str:
        """The line of a tenants file."""
        return f"blake2b:{self.key_id}:{self.digest}"


def new_api_key() -> str:
    """A new random key."""
    return f"epx_{token_hex(8)}_{token_urlsafe(32)}"
