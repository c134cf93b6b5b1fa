"""Settings of vector search."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from epitaxy.chassis.settings import ServiceSettings


class VectorSettings(ServiceSettings):
    """Read from ``EPITAXY_VECTORS_...``.

    Attributes:
        qdrant_url: URL of a Qdrant server, ``http://qdrant:6333``; empty searches in the process with FAISS.
        qdrant_api_key: Sent with each request, for servers that ask for one.
        timeout_seconds: Timeout of a request, seconds.
        collection_prefix: Prefix of collection names, for installations that share a server.
    """

    model_config = SettingsConfigDict(env_prefix="EPITAXY_VECTORS_", frozen=True, extra="forbid")

    qdrant_url: str = ""
    qdrant_api_key: SecretStr = SecretStr("")
    timeout_seconds: int = Field(default=10, ge=1)
    collection_prefix: str = Field(default="epitaxy", pattern=r"^[A-Za-z0-9_-]{1,64}$")
