"""epitaxy.internal.v1.PredictionBackendService: which model a call asks, and whether the caller may ask it."""

from epitaxy.api.common.v1 import model_pb2
from epitaxy.api.internal.v1 import prediction_backend_pb2 as backend_pb2
from epitaxy.api.prediction.v1 import prediction_pb2
from epitaxy.chassis.errors import FailedPreconditionError, NotFoundError
from epitaxy.chassis.model_names import SEPARATOR, UNKNOWN_MODEL, ModelName, is_model_name, own_model
from epitaxy.chassis.request_context import bind_model_version, current_request
from epitaxy.prediction import messages
from epitaxy.prediction.explaining.messages import explanations_message, query_of
from epitaxy.prediction.explaining.service import ExplanationService
from epitaxy.prediction.serve.activity import Activity
from epitaxy.prediction.service import PredictionService
from epitaxy.prediction.tenants.messages import page_of, tenant_card, tenant_encoder
from epitaxy.prediction.tenants.models import ServedVersion, TenantModels
from epitaxy.prediction.tenants.service import TenantService


class PredictionServicer:
    """Answers with the shared model, or with one of the caller's own. Each method is one RPC."""

    def __init__(
        self,
        shared: PredictionService,
        tenants: TenantService,
        models: TenantModels,
        explanations: ExplanationService,
    ) -> None:
        self._shared, self._tenants, self._models = shared, tenants, models
        self._explanations = explanations
        self.activity = Activity()
        self._encoder = messages.BlockEncoder(shared.artifact)

    async def evaluate(self, request: backend_pb2.EvaluateRequest) -> backend_pb2.EvaluateResponse:
        """Predictions for one block."""
        with self.activity.call():
            return backend_pb2.EvaluateResponse(results=await self._evaluate(request))

    async def _evaluate(self, request: backend_pb2.EvaluateRequest) -> prediction_pb2.ResultBlock:
        served = await self._own(request.options.model)
        if served is None:
            query = messages.query_of(request.options, self._shared.artifact)
            block = await self._shared.evaluate(messages.items_of(request.structures), query)
            return self._encoder.results(block, query, request.sequence)
        bind_model_version(served.version.version)
        query = messages.query_for(request.options, [served.card.definition.name])
        block = await self._tenants.evaluate(messages.items_of(request.structures), served, query)
        return tenant_encoder(served).results(block, query, request.sequence)

    async def embed(self, request: backend_pb2.EmbedBlockRequest) -> backend_pb2.EmbedBlockResponse:
        """Structure embeddings of one block; only the shared model has any."""
        served = await self._own(request.model)
        if served is not None:
            raise FailedPreconditionError(
                f"{served.version.model} has no embeddings of its own: embed with {served.card.base.name}",
                reason="NO_EMBEDDINGS",
            )
        messages.check_model(request.model, self._shared.artifact)
        answers, embeddings = await self._shared.embed(messages.items_of(request.structures))
        return self._encoder.embeddings(answers, embeddings)

    async def explain(self, request: backend_pb2.ExplainBlockRequest) -> backend_pb2.ExplainBlockResponse:
        """Explanations of one block; only the shared model's predictions can be attributed to atoms."""
        served = await self._own(request.model)
        if served is not None:
            base = served.card.base.name
            raise FailedPreconditionError(
                f"{served.version.model} also predicts from descriptors and labels, which cannot be attributed to "
                f"atoms: explain {base}, and read in `epitaxy finetune report` what the model relies on",
                reason="NOT_EXPLAINABLE",
            )
        messages.check_model(request.model, self._shared.artifact)
        query = query_of(request, self._shared.artifact)
        items = messages.items_of(request.structures)
        explained = await self._explanations.explain(items, query, current_request().tenant)
        return explanations_message(explained, query, self._shared.artifact)

    async def validate(self, request: backend_pb2.ValidateBlockRequest) -> backend_pb2.ValidateBlockResponse:
        """Intake reports of one block."""
        return messages.reports(await self._shared.validate(messages.items_of(request.structures)))

    async def list_models(self, request: backend_pb2.ListServedModelsRequest) -> backend_pb2.ListServedModelsResponse:
        """Cards of the shared model and of the caller's own."""
        tenant = current_request().tenant
        # The gateway's probes name no tenant and must be answered whatever the registry does.
        own = await self._models.list_served(tenant) if tenant else []
        cards = [self._encoder.model_card(self._shared.policy)]
        for served, aliases in own:
            cards.append(tenant_card(served, aliases, await self._models.read_policy(served)))
        return page_of(cards, request)

    async def get_model(self, request: backend_pb2.GetServedModelRequest) -> backend_pb2.GetServedModelResponse:
        """One model's card, by name."""
        served = await self._own(request.model)
        if served is not None:
            aliases = await self._models.read_aliases(served.version)
            policy = await self._models.read_policy(served)
            return backend_pb2.GetServedModelResponse(model=tenant_card(served, aliases, policy))
        messages.check_model(request.model, self._shared.artifact)
        return backend_pb2.GetServedModelResponse(model=self._encoder.model_card(self._shared.policy))

    async def _own(self, selector: model_pb2.ModelSelector) -> ServedVersion | None:
        """The caller's own model that the selector names, None for the shared one. Raises NotFoundError.

        A bare name means the shared model of that name, else the caller's own. The tenant is the one that the gateway
        authenticated; nothing in the message can name another.
        """
        tenant = current_request().tenant
        name = own_model(selector.name, tenant) or self._bare(selector.name, tenant)
        if name is None:
            return None
        try:
            return await self._models.resolve(name, alias=selector.alias, version=selector.version)
        except NotFoundError as error:
            if SEPARATOR in selector.name or error.reason != UNKNOWN_MODEL:
                raise
            return None  # no such model of the caller's: the shared model's check says so

    def _bare(self, name: str, tenant: str) -> ModelName | None:
        is_shared = name in ("", self._shared.artifact.card.name)
        if is_shared or not tenant or not is_model_name(name) or not self._models.registry.exists():
            return None
        return ModelName(tenant, name)
