"""The composition root: builds the gateway from its settings, runs it, stops it."""

import logging
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from prometheus_client import CollectorRegistry

from epitaxy.api.campaigns.v1 import campaigns_pb2
from epitaxy.api.finetune.v1 import finetune_pb2
from epitaxy.api.models.v1 import governance_pb2
from epitaxy.chassis.callers import Scope
from epitaxy.chassis.health import ReadinessReporter
from epitaxy.chassis.interceptors import MAX_METADATA_BYTES, Authenticator, service_interceptors
from epitaxy.chassis.private_files import read_private
from epitaxy.chassis.reflection import enable_reflection
from epitaxy.chassis.running_server import RunningServer, listen, run_until_signal
from epitaxy.gateway.account.guards import guarded_deletion, guarded_promotion
from epitaxy.gateway.account.servicer import ACCOUNTS, ADMINISTRATION, account_handlers
from epitaxy.gateway.callers.credentials import Credentials
from epitaxy.gateway.callers.tenants_file import TenantsFile
from epitaxy.gateway.measurements.keeper import GrpcMeasurementKeeper
from epitaxy.gateway.measurements.predictor import GatewayPredictor
from epitaxy.gateway.measurements.service import MeasurementService
from epitaxy.gateway.measurements.servicer import MEASUREMENTS, measurement_handler
from epitaxy.gateway.metrics import GatewayMetrics
from epitaxy.gateway.quotas import TenantQuotas
from epitaxy.gateway.retry import RetryPolicy
from epitaxy.gateway.searching.model import UpstreamModel
from epitaxy.gateway.searching.service import SearchLimits, SearchService
from epitaxy.gateway.searching.servicer import SEARCHES, search_handler
from epitaxy.gateway.secrets.certificate import expiry_of
from epitaxy.gateway.service import GatewayLimits, GatewayService
from epitaxy.gateway.servicer import MODELS, PREDICTIONS, STRUCTURES, prediction_handlers
from epitaxy.gateway.settings import AdminOnly, GatewaySettings
from epitaxy.gateway.upstream.forwarding import ForwardedUpstream, ForwardingConnection, forwarding_handler
from epitaxy.gateway.upstream.prediction import GrpcPrediction
from epitaxy.gateway.upstream.tenant_data import METHOD, TenantDataDeletion
from epitaxy_models.errors import ConfigurationError

logger = logging.getLogger(__name__)

PUBLIC_SERVICES = tuple(service.full_name for service in (PREDICTIONS, STRUCTURES, SEARCHES, MODELS))
"""Services that the prediction application answers: they are ready if it is."""
# Services that the fine-tune service and the campaign service answer. They are not part of the readiness: predictions
# are answered without them.
OF_FINETUNE = (
    finetune_pb2.DESCRIPTOR.services_by_name["FineTuneService"],
    governance_pb2.DESCRIPTOR.services_by_name["ModelGovernanceService"],
)
OF_CAMPAIGNS = (campaigns_pb2.DESCRIPTOR.services_by_name["CampaignService"],)
SCOPES = {
    **dict.fromkeys(PUBLIC_SERVICES, Scope.PREDICT),
    MEASUREMENTS.full_name: Scope.PREDICT,
    ADMINISTRATION.full_name: Scope.ADMIN,
    **{service.full_name: Scope.FINETUNE for service in OF_FINETUNE},
    **{service.full_name: Scope.CAMPAIGNS for service in OF_CAMPAIGNS},
}
"""What a key needs for the calls of each service. Reflection and AccountService need any key, health checks none."""
LISTED_SERVICES = (
    *PUBLIC_SERVICES,
    *(service.full_name for service in (*OF_FINETUNE, *OF_CAMPAIGNS, MEASUREMENTS, ACCOUNTS, ADMINISTRATION)),
    health.SERVICE_NAME,
)
_SLACK_BYTES = 2**20
_READ_AHEAD_BYTES = 2**17


class Gateway(RunningServer):
    """A gateway that runs from `start` to `stop`; as an async context manager, inside the block."""

    def __init__(self, settings: GatewaySettings) -> None:
        super().__init__(settings.host)
        self._settings = settings
        self._tenants = _tenants_file(settings)
        self._registry = CollectorRegistry()
        self._metrics = GatewayMetrics(self._registry)

    async def stop(self) -> None:
        """Reports NOT_SERVING, lets calls in progress finish within the grace, and closes everything."""
        logger.info("stopping", extra={"grace_seconds": self._settings.shutdown_grace_seconds})
        await super().stop()

    async def _start(self, stack: AsyncExitStack) -> None:
        """Starts the parts; the stack stops them in the opposite order: first readiness, then calls, then the rest."""
        settings = self._settings
        self._serve_metrics(stack, self._registry, settings.metrics_host, settings.metrics_port)
        upstream = GrpcPrediction(settings, self._metrics)
        stack.push_async_callback(upstream.close)
        finetune = ForwardingConnection(ForwardedUpstream.of_finetune(settings), settings, self._metrics)
        stack.push_async_callback(finetune.close)
        campaigns = ForwardingConnection(ForwardedUpstream.of_campaigns(settings), settings, self._metrics)
        stack.push_async_callback(campaigns.close)
        if self._tenants is not None:
            self._tenants.watch()
            stack.push_async_callback(self._tenants.stop)
        server = _grpc_server(settings, self._metrics, self._tenants)
        stack.push_async_callback(server.stop, settings.shutdown_grace_seconds)
        quotas = self._quotas()
        service = self._service(upstream, quotas)
        stack.callback(service.drain)
        readiness = ReadinessReporter(
            PUBLIC_SERVICES, upstream.is_ready, interval_seconds=settings.readiness_interval_seconds
        )
        stack.push_async_callback(readiness.stop)
        self._endpoint.answer_probes(is_alive=lambda: readiness.is_alive, is_ready=lambda: readiness.is_ready)
        searches = SearchService(service, UpstreamModel(service), self._metrics.searches, _search_limits(settings))
        _register(server, service, searches, finetune, campaigns, readiness, settings.admin_only)
        delete_data = TenantDataDeletion(finetune, campaigns)
        server.add_generic_rpc_handlers(account_handlers(settings, quotas.use_of, finetune, delete_data))
        self._publish_certificate_expiry()
        self._port = listen(server, settings.address, _credentials(settings))
        await readiness.start()
        await server.start()

    def _publish_certificate_expiry(self) -> None:
        """Publishes the expiry of the certificate that is served: the one read now, whatever the file holds later."""
        path = self._settings.tls_cert_path
        if path is None:
            return
        try:
            self._metrics.publish_certificate_expiry(expiry_of(path.read_bytes()))
        except ValueError as error:
            raise ConfigurationError(f"the TLS file {path.name} {error}") from error
        except OSError:
            return  # listening, which comes next, says which of its files is missing

    def _quotas(self) -> TenantQuotas:
        settings = self._settings
        quotas = TenantQuotas({}, settings.max_screens, default_screens=settings.default_screens)
        if self._tenants is not None:
            tenants = self._tenants
            quotas.change_limits(tenants.limits)
            tenants.on_change(lambda: quotas.change_limits(tenants.limits))
        return quotas

    def _service(self, upstream: GrpcPrediction, quotas: TenantQuotas) -> GatewayService:
        settings = self._settings
        return GatewayService(
            upstream,
            quotas,
            self._metrics,
            RetryPolicy(settings.chunk_retries, settings.retry_base_seconds, settings.retry_max_seconds),
            GatewayLimits(
                settings.max_structures_per_message,
                settings.max_structures_per_predict,
                settings.max_structures_per_explain,
                settings.chunk_window,
                settings.chunk_patience_seconds,
                settings.screen_idle_seconds,
                settings.upstream_window,
            ),
        )


async def serve(settings: GatewaySettings) -> None:
    """Runs a gateway until SIGTERM or SIGINT, then stops it gracefully."""
    await run_until_signal(Gateway(settings), settings.log_level)


def _grpc_server(settings: GatewaySettings, metrics: GatewayMetrics, tenants: TenantsFile | None) -> grpc.aio.Server:
    return grpc.aio.server(
        interceptors=service_interceptors(
            metrics.rpc, _authenticator(settings, tenants), settings.default_deadline_seconds, SCOPES
        ),
        options=[
            ("grpc.max_receive_message_length", settings.max_message_bytes),
            # An answer that came from upstream can go on, although the gateway may number it anew.
            ("grpc.max_send_message_length", settings.max_message_bytes + _SLACK_BYTES),
            # Above our own bound, so that ours refuses, with a reason; what is beyond the second never reaches us.
            ("grpc.max_metadata_size", 4 * MAX_METADATA_BYTES),
            ("grpc.absolute_max_metadata_size", 8 * MAX_METADATA_BYTES),
            ("grpc.so_reuseport", 0),  # else two gateways share a port and split its callers
            ("grpc.keepalive_time_ms", 30_000),
            ("grpc.keepalive_timeout_ms", 20_000),
            ("grpc.http2.ping_timeout_ms", 20_000),  # a client that vanished frees its screen within a minute
            # What gRPC reads ahead of a call that nobody reads yet. By its own estimate it would be megabytes for each
            # connection: 64 callers without a key filled 500 MiB. A message that is read has all the room it needs.
            ("grpc.http2.bdp_probe", 0),
            ("grpc.http2.lookahead_bytes", _READ_AHEAD_BYTES),
            # Before a key is known: handshakes end, connections and their calls are bounded.
            ("grpc.server_handshake_timeout_ms", int(settings.handshake_seconds * 1000)),
            ("grpc.http2.settings_timeout", int(settings.handshake_seconds * 1000)),
            ("grpc.max_allowed_incoming_connections", settings.max_connections),
            ("grpc.max_concurrent_streams", settings.max_calls_per_connection),
            ("grpc.max_connection_idle_ms", int(settings.max_connection_idle_seconds * 1000)),
            ("grpc.max_connection_age_ms", int(settings.max_connection_age_seconds * 1000)),
            # Clients ping every 10 s, idle ones too; a server that holds that for abuse would hang up on them.
            ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
            ("grpc.keepalive_permit_without_calls", 1),
        ],
    )


def _register(
    server: grpc.aio.Server,
    service: GatewayService,
    searches: SearchService,
    finetune: ForwardingConnection,
    campaigns: ForwardingConnection,
    readiness: ReadinessReporter,
    admin_only: frozenset[AdminOnly],
) -> None:
    measurements = MeasurementService(GatewayPredictor(service), GrpcMeasurementKeeper(finetune))
    deletion = guarded_deletion(TenantDataDeletion(finetune, campaigns), admin_only)
    own = {METHOD: deletion, **guarded_promotion(finetune, admin_only)}
    forwarded = (
        *(forwarding_handler(descriptor, finetune, own) for descriptor in OF_FINETUNE),
        *(forwarding_handler(descriptor, campaigns) for descriptor in OF_CAMPAIGNS),
    )
    own_handlers = (*prediction_handlers(service), search_handler(searches), measurement_handler(measurements))
    server.add_generic_rpc_handlers((*own_handlers, *forwarded))
    health_pb2_grpc.add_HealthServicer_to_server(readiness.servicer, server)
    enable_reflection(LISTED_SERVICES, server)


def _search_limits(settings: GatewaySettings) -> SearchLimits:
    return SearchLimits(
        max_candidates=settings.max_candidates,
        max_candidates_at_once=settings.max_candidates_at_once,
        max_structures=settings.max_structures_per_message,
        window=settings.chunk_window,
        wanted_at_once=min(128, settings.max_structures_per_message),
        idle_seconds=settings.screen_idle_seconds,
    )


def _credentials(settings: GatewaySettings) -> grpc.ServerCredentials | None:
    if settings.tls_cert_path is None or settings.tls_key_path is None:
        return None
    try:
        settings.tls_key_path.stat()
        certificate = settings.tls_cert_path.read_bytes()
    except OSError as error:
        name = Path(error.filename).name
        raise ConfigurationError(f"cannot read the TLS file {name}: {error.strerror}") from error
    key = read_private(settings.tls_key_path, "the TLS key", allows_shared=settings.allows_shared_files)
    return grpc.ssl_server_credentials([(key, certificate)])


def _authenticator(settings: GatewaySettings, tenants: TenantsFile | None) -> Authenticator | None:
    if tenants is None or not settings.oidc_issuer:
        return tenants
    try:
        from epitaxy.gateway.callers.oidc import OidcProvider, OidcTokens  # noqa: PLC0415  # an optional extra
    except ImportError as error:
        raise ConfigurationError("tokens need PyJWT: pip install 'epitaxy[oidc]'") from error
    provider = OidcProvider(
        settings.oidc_issuer, settings.oidc_audience, settings.oidc_jwks_url, settings.oidc_tenant_claim
    )
    return Credentials(tenants, OidcTokens(provider, lambda: tenants.directory))


def _tenants_file(settings: GatewaySettings) -> TenantsFile | None:
    if settings.tenants_file is None:
        return None
    return TenantsFile(
        settings.tenants_file,
        allows_shared=settings.allows_shared_files,
        interval_seconds=settings.tenants_poll_seconds,
    )
