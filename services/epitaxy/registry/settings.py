"""Settings of the model registry."""

from pathlib import Path

from pydantic import AliasChoices, Field
from pydantic_settings import SettingsConfigDict

from epitaxy.chassis.settings import ServiceSettings
from epitaxy.registry.environment import PREFIX

_DATABASE = "mlflow.db"


class RegistrySettings(ServiceSettings):
    """Read from ``EPITAXY_REGISTRY_<NAME>``; ``MLFLOW_TRACKING_URI`` names a server instead of the folder."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    folder: Path = Path("~/.epitaxy/registry")
    """Folder of the sqlite database and the models' files, unless a server holds them, and of local copies in use."""
    tracking_uri: str = Field(
        default="", validation_alias=AliasChoices("tracking_uri", f"{PREFIX}TRACKING_URI", "MLFLOW_TRACKING_URI")
    )
    """Server or database of MLflow; empty: sqlite in the folder."""
    artifact_root: str = ""
    """Where files go when ``tracking_uri`` is a database (a server knows its own place); empty: into the folder."""
    cache_bytes: int = Field(default=4 * 2**30, gt=0)
    """Bound of the local copies."""
    request_timeout_seconds: int = Field(default=10, gt=0)
    """Longest wait for one answer of a server."""

    @property
    def home(self) -> Path:
        """The folder in full."""
        return self.folder.expanduser().resolve()

    @property
    def uri(self) -> str:
        """What MLflow connects to."""
        return self.tracking_uri or f"sqlite:///{self.home / _DATABASE}"

    @property
    def exists(self) -> bool:
        """False if the folder's own database has never been used; asks no server."""
        return bool(self.tracking_uri) or (self.home / _DATABASE).exists()

    @property
    def is_server(self) -> bool:
        """Whether a server of MLflow answers, not a database."""
        return self.uri.startswith(("http://", "https://"))

    @property
    def artifacts(self) -> str | None:
        """Root of the models' files as a URI; None: the server's own."""
        if self.is_server:
            return None
        return self.artifact_root.rstrip("/") or (self.home / "artifacts").as_uri()
