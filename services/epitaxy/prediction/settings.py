"""Settings of the prediction application, read once when it is composed."""

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class PredictionSettings(BaseSettings):
    """Environment prefix ``EPITAXY_PREDICTION_``; arguments win over the environment."""

    model_config = SettingsConfigDict(env_prefix="EPITAXY_PREDICTION_", frozen=True, extra="forbid")

    model_folder: str = Field("", description="Folder of the served model; empty: the shipped model")
    earlier_model_folders: tuple[str, ...] = Field(
        (), description="Folders of earlier models that tenants' models were fitted on, beside those that are shipped"
    )
    molecule_model_folder: str = Field(
        "", description="Folder of the substrate of molecules and polymers; empty: the shipped one"
    )
    composition_model_folder: str = Field("", description="Folder of the substrate of compositions; likewise")
    earlier_material_folders: tuple[str, ...] = Field(
        (), description="Folders of earlier substrates of molecules or compositions that tenants' models were fitted on"
    )
    review_policy_file: str = Field("", description="JSON file of the served model's review policy; empty: the default")
    gateway_secret_file: str = Field(
        "", description="File with the secret by which callers sign their calls; empty: every caller is believed"
    )
    redis_url: str = Field("", description="redis:// or unix:// URL of the shared cache; empty: see cache_folder")
    redis_user: str = Field("", description="User of Redis, if the URL names none")
    redis_password: str = Field("", repr=False, description="Its password, not encoded, if the URL holds none")
    cache_folder: str = Field(
        "", description="Without Redis: local folder of a cache that this machine's replicas share; empty: none"
    )
    cache_folder_bytes: int = Field(2**30, gt=0, description="Bound of that cache; a full one is emptied")
    redis_timeout_seconds: float = Field(0.25, gt=0, description="A slower Redis counts as down")
    redis_connections: int = Field(
        32, gt=0, description="Connections of a replica to Redis; commands beyond it wait for one, and then do without"
    )
    redis_retry_seconds: float = Field(2.0, gt=0, description="Pause before a Redis that was down is tried again")
    cache_ttl_seconds: int = Field(7 * 24 * 3600, gt=0, description="Life of an embedding in Redis")
    share_texts: bool = Field(True, description="Keep structures read from texts in Redis too; False: predictions only")
    local_cache_bytes: int = Field(256 * 2**20, ge=0, description="Bound of each replica's own cache")
    device: str = Field("cpu", description="Device of the ensemble: cpu or cuda")
    max_batch_edges: int = Field(
        0, ge=0, description="Edge budget of one forward pass; 0: chosen by the device, on a GPU by its free memory"
    )
    max_queued_edges: int = Field(4_000_000, gt=0, description="Queue bound; beyond it work is shed with a retry hint")
    max_queued_materials: int = Field(
        50_000,
        gt=0,
        description="The same bound for molecules, polymers and compositions, which are counted one by one",
    )
    max_sites: int = Field(1000, gt=0, description="Sites of the largest cell that is accepted")
    intake_replicas: int = Field(1, gt=0, description="Processes that parse and featurize")
    ensemble_replicas: int = Field(
        0, ge=0, description="Processes that run the ensemble; 0: each intake replica runs it in a thread"
    )
    replica_cpus: float = Field(1.0, ge=0, description="Cores that Ray reserves a replica")
    ensemble_gpus: float = Field(0.0, ge=0, description="GPUs that Ray reserves an ensemble replica")
    threads: int = Field(1, gt=0, description="Threads of a forward pass; two processes of one beat one of two")
    turns: int = Field(
        0,
        ge=0,
        description="Messages that a replica works on at once, others wait for their tenant's turn; 0: 2 where it runs "
        "the network itself, 8 where other replicas do",
    )
    small_turn_structures: int = Field(
        384, ge=0, description="More messages are worked on while all have fewer structures than this together"
    )
    explainer_replicas: int = Field(
        1, gt=0, description="Largest number of explaining processes; none runs before the first call"
    )
    explainer_idle_seconds: float = Field(1800.0, gt=0, description="Idle time after which an explainer ends")
    explainer_queue: int = Field(8, gt=0, description="Calls that wait for an explainer; beyond it they are shed")
    explain_calls_each: int = Field(2, gt=0, description="Open calls for explanations that one tenant may have")
    registry_poll_seconds: float = Field(2.0, gt=0, description="Time in which a promotion takes effect")
    tenant_models_bytes: int = Field(
        512 * 2**20, ge=0, description="Bound of the tenants' models that a replica keeps loaded"
    )
    tenant_threads: int = Field(4, gt=1, description="Threads of a replica for tenants' models")
    tenant_threads_each: int = Field(1, gt=0, description="Threads of these that one tenant may hold at once")
    tenant_queue_each: int = Field(16, ge=0, description="Calls of one tenant that may wait for its threads")
    tenant_timeout_seconds: float = Field(60.0, gt=0, description="Longest work of a tenant's model on one message")

    @property
    def turns_at_once(self) -> int:
        """Messages that a replica works on at once."""
        return self.turns or (8 if self.ensemble_replicas else 2)

    @model_validator(mode="after")
    def _a_device_has_replicas(self) -> "PredictionSettings":
        if not self.ensemble_replicas and (self.device != "cpu" or self.ensemble_gpus):
            raise ValueError("ensemble_replicas must be 1 or more on a device: intake replicas have none")
        return self

    @model_validator(mode="after")
    def _no_tenant_holds_all_threads(self) -> "PredictionSettings":
        if self.tenant_threads_each >= self.tenant_threads:
            raise ValueError("tenant_threads_each must be below tenant_threads: else one tenant can stop all others")
        return self
