"""Settings of the campaign service."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from epitaxy.campaigns.domain.limits import CampaignQuota
from epitaxy.chassis.settings import ServiceSettings, check_only_gateway_calls, host_port
from epitaxy.rooted_files.opening import check_roots

Port = Annotated[int, Field(ge=0, le=65535)]


class CampaignSettings(ServiceSettings):
    """Read from ``EPITAXY_CAMPAIGNS_<NAME>``; a port of 0 is any free one."""

    model_config = SettingsConfigDict(env_prefix="EPITAXY_CAMPAIGNS_")

    host: str = "127.0.0.1"
    port: Port = 50071
    gateway_secret_file: Path | None = None
    """File with the secret by which the gateway proves itself; without it, every caller counts as the gateway."""
    trusts_network: bool = False
    """Listen beyond loopback without a secret: only if the network admits nobody but the gateway."""
    metrics_host: str = "127.0.0.1"
    metrics_port: Port = 9466
    log_level: str = "INFO"

    folder: Path = Path("~/.epitaxy/campaigns")
    """Folder of the pools, and of the log unless a URL names a database."""
    database_url: str = ""
    """SQLAlchemy URL of the logs, such as postgresql+psycopg://...; empty: sqlite in the folder."""
    pool_roots: tuple[str, ...] = ()
    """Prefixes of URIs that pools may have, each with {tenant}: file:///srv/pools/{tenant}/, s3://bucket/{tenant}/"""

    prediction_upstream: str = "127.0.0.1:9000"
    """HOST:PORT (or any gRPC target) of the prediction application."""
    prediction_application: str = "prediction"
    """Name of the application in Ray Serve, which routes by it."""
    prediction_secret_file: Path | None = None
    """File with the secret by which calls of the prediction application are signed."""
    own_cache_tenants: frozenset[str] = frozenset()
    """Tenants with ``own_cache`` in the gateway's tenants file: features of their pools are cached apart, too."""
    prediction_seconds: PositiveFloat = 300.0
    """Longest wait for the features of one block of candidates."""
    prediction_window: PositiveInt = 4
    """Blocks of candidates that are asked for at once, of all pools together."""
    finetune_upstream: str = ""
    """HOST:PORT of the fine-tune service; empty: there is none, and campaigns cannot be promoted."""
    finetune_secret_file: Path | None = None
    """File with the secret that the fine-tune service asks its callers for."""

    threads: PositiveInt = 1
    """Threads of one calculation."""
    rounds_at_once: PositiveInt = 2
    """Batches that are chosen at once; more wait."""
    campaigns_in_memory: PositiveInt = 64
    """Campaigns whose logs are kept folded; others are folded again when they are asked for."""
    poll_seconds: PositiveFloat = 5.0
    """Pause between two looks for pools that have to be prepared."""
    watch_seconds: PositiveFloat = 0.5

    quota: CampaignQuota = CampaignQuota()
    tenant_quotas: dict[str, CampaignQuota] = Field(default_factory=dict)
    """Quotas of tenants that have another than ``quota``; as JSON in the environment."""

    max_message_bytes: PositiveInt = 16 * 1024 * 1024
    default_deadline_seconds: PositiveFloat = 300.0
    readiness_interval_seconds: PositiveFloat = 2.0
    shutdown_grace_seconds: NonNegativeFloat = 10.0

    @field_validator("pool_roots")
    @classmethod
    def _roots_are_of_tenants(cls, roots: tuple[str, ...]) -> tuple[str, ...]:
        check_roots(roots, "pool")
        return roots

    @model_validator(mode="after")
    def _open_only_to_the_gateway(self) -> "CampaignSettings":
        check_only_gateway_calls(
            self.host,
            has_secret=self.gateway_secret_file is not None,
            trusts_network=self.trusts_network,
            prefix="EPITAXY_CAMPAIGNS_",
        )
        return self

    @property
    def address(self) -> str:
        """Where to listen, as gRPC writes it."""
        return host_port(self.host, self.port)

    @property
    def home(self) -> Path:
        """The folder in full."""
        return self.folder.expanduser().resolve()

    @property
    def pools_folder(self) -> Path:
        """Folder of the pools."""
        return self.home / "pools"

    @property
    def store_url(self) -> str:
        """URL of the logs."""
        return self.database_url or f"sqlite:///{self.home / 'campaigns.db'}"

    def quota_of(self, tenant: str) -> CampaignQuota:
        """What a tenant may hold."""
        return self.tenant_quotas.get(tenant, self.quota)
