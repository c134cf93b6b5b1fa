"""Settings of the fine-tune service."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from epitaxy.chassis.settings import ServiceSettings, check_only_gateway_calls, host_port
from epitaxy.finetune.domain.quotas import TenantQuota
from epitaxy.rooted_files.opening import check_roots

Port = Annotated[int, Field(ge=0, le=65535)]


class FineTuneSettings(ServiceSettings):
    """Read from ``EPITAXY_FINETUNE_<NAME>``; a port of 0 is any free one."""

    model_config = SettingsConfigDict(env_prefix="EPITAXY_FINETUNE_")

    host: str = "127.0.0.1"
    port: Port = 50061
    gateway_secret_file: Path | None = None
    """File with the secret by which the gateway proves itself; without it, every caller counts as the gateway."""
    trusts_network: bool = False
    """Listen beyond loopback without a secret: only if the network admits nobody but the gateway."""
    metrics_host: str = "127.0.0.1"
    metrics_port: Port = 9465
    log_level: str = "INFO"

    folder: Path = Path("~/.epitaxy/finetune")
    """Folder of labels, unfinished models and reports; on several machines one that service and workers share."""
    database_url: str = ""
    """SQLAlchemy URL of the job store, such as postgresql+psycopg://...; empty: sqlite in the folder."""
    label_roots: tuple[str, ...] = ()
    """Prefixes of URIs that label files may have, each with {tenant}: file:///srv/labels/{tenant}/, s3://b/{tenant}/"""
    max_label_bytes: PositiveInt = 64 * 2**20
    model_folder: Path | None = None
    """Folder of the substrate of all jobs, as EPITAXY_PREDICTION_MODEL_FOLDER; empty: the shipped one."""
    molecule_model_folder: Path | None = None
    """Folder of the substrate of jobs on molecules and polymers, as EPITAXY_PREDICTION_MOLECULE_MODEL_FOLDER."""
    composition_model_folder: Path | None = None
    """The same for jobs on compositions."""
    earlier_model_folders: tuple[Path, ...] = ()
    """Folders of earlier substrates that refits are compared on, beside those that are shipped."""
    base_models: dict[str, Path] = Field(default_factory=dict)
    """Folders of substrates other than the shipped ones, by name, of crystals or of another kind of material."""

    ray_address: str = ""
    """HOST:PORT of a cluster, or ray://HOST:10001; empty: a private Ray, whose jobs end with the service."""
    transfer: str = ""
    """Import path ``module:function`` that builds another transfer from these settings; empty: the shipped pipeline."""
    cpus_per_job: PositiveFloat = 1.0
    gpus_per_job: NonNegativeFloat = 0.0
    """GPUs of a job that asks for one; 0: this server offers none."""
    threads: PositiveInt = 1
    """Torch threads of a job."""
    max_attempts: PositiveInt = 3
    """How often a job is begun at most; more than once if workers are lost."""
    default_job_seconds: PositiveFloat = 1800.0
    max_job_seconds: PositiveFloat = 24 * 3600.0
    overdue_grace_seconds: PositiveFloat = 120.0
    hold_file: Path | None = None
    """While it exists no job is begun: the cluster is about to be replaced, and waits for those that run."""
    reconcile_seconds: PositiveFloat = 2.0
    watch_seconds: PositiveFloat = 0.5

    quota: TenantQuota = TenantQuota()
    tenant_quotas: dict[str, TenantQuota] = Field(default_factory=dict)
    """Quotas of tenants that have another than ``quota``; as JSON in the environment."""

    max_message_bytes: PositiveInt = 16 * 1024 * 1024
    default_deadline_seconds: PositiveFloat = 60.0
    readiness_interval_seconds: PositiveFloat = 2.0
    registry_warm_up_seconds: NonNegativeFloat = 0.0
    """Pause before the registry's client is loaded, which takes seconds; a call that needs it loads it earlier."""
    census_seconds: PositiveFloat = 600.0
    """Pause between two counts of all tenants' champions by substrate."""
    audit_check_seconds: PositiveFloat = 600.0
    """Pause between two looks at whether a line of the audit log was changed."""
    shutdown_grace_seconds: NonNegativeFloat = 10.0

    @field_validator("label_roots")
    @classmethod
    def _roots_are_of_tenants(cls, roots: tuple[str, ...]) -> tuple[str, ...]:
        check_roots(roots, "label")
        return roots

    @model_validator(mode="after")
    def _open_only_to_the_gateway(self) -> "FineTuneSettings":
        check_only_gateway_calls(
            self.host,
            has_secret=self.gateway_secret_file is not None,
            trusts_network=self.trusts_network,
            prefix="EPITAXY_FINETUNE_",
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
    def jobs_folder(self) -> Path:
        """Folder of the jobs' files."""
        return self.home / "jobs"

    @property
    def store_url(self) -> str:
        """URL of the job store."""
        return self.database_url or f"sqlite:///{self.home / 'jobs.db'}"

    def is_held(self) -> bool:
        """Whether jobs stay queued for now."""
        return self.hold_file is not None and self.hold_file.exists()

    def quota_of(self, tenant: str) -> TenantQuota:
        """What a tenant may hold."""
        return self.tenant_quotas.get(tenant, self.quota)
