"""PredictionBackend of protos/epitaxy/prediction/v1/backend.proto: which model is meant, and who may mean it."""

from epitaxy.api.common.v1 import model_pb2
from epitaxy.api.models.v1 import models_pb2
from epitaxy.api.prediction.v1 import explanation_pb2, prediction_pb2, structures_pb2
from epitaxy.chassis.errors import FailedPreconditionError
from epitaxy.chassis.model_names import own_model
from epitaxy.chassis.request_context import bind_model_version, current_request
from epitaxy.prediction import messages
from epitaxy.prediction.explaining.messages import explanations_message, query_of
from epitaxy.prediction.explaining.service import ExplanationService
from epitaxy.prediction.serve.activity import Activity
from epitaxy.prediction.service import PredictionService
from epitaxy.prediction.tenants.messages import page_of, tenant_card, tenant_encoder
from epitaxy.prediction.tenants.models import ServedVersion, TenantModels
from epitaxy.prediction.tenants.service import TenantService


class Backend:
    """Answers with the shared model, or with one of the caller's own; each method one call."""

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

    async def evaluate(self, request: prediction_pb2.ScreenRequest) -> prediction_pb2.ResultBlock:
        """Predictions for one block."""
        with self.activity.call():
            return await self._evaluated(request)

    async def _evaluated(self, request: prediction_pb2.ScreenRequest) -> prediction_pb2.ResultBlock:
        served = await self._own(request.options.model)
        if served is None:
            query = messages.query_of(request.options, self._shared.artifact)
            block = await self._shared.evaluate(messages.items_of(request.structures), query)
            return self._encoder.results(block, query, request.sequence)
        bind_model_version(served.version.version)
        query = messages.query_for(request.options, [served.card.definition.name])
        block = await self._tenants.evaluate(messages.items_of(request.structures), served, query)
        return tenant_encoder(served).results(block, query, request.sequence)

    async def embed(self, request: prediction_pb2.EmbedRequest) -> prediction_pb2.EmbedResponse:
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

    async def explain(self, request: explanation_pb2.ExplainRequest) -> explanation_pb2.ExplainResponse:
        """Explanations of one block; only the shared model's predictions can be told apart by atoms."""
        served = await self._own(request.model)
        if served is not None:
            base = served.card.base.name
            raise FailedPreconditionError(
                f"{served.version.model} predicts from descriptors and labels beside the network, of which no atom has "
                f"a part: explain {base}, and see in `epitaxy finetune report` what the model goes by",
                reason="NOT_EXPLAINABLE",
            )
        messages.check_model(request.model, self._shared.artifact)
        query = query_of(request, self._shared.artifact)
        items = messages.items_of(request.structures)
        explained = await self._explanations.explain(items, query, current_request().tenant)
        return explanations_message(explained, query, self._shared.artifact)

    async def validate(self, request: structures_pb2.ValidateRequest) -> structures_pb2.ValidateResponse:
        """Intake reports of one block."""
        return messages.reports(await self._shared.validate(messages.items_of(request.structures)))

    async def list_models(self, request: models_pb2.ListModelsRequest) -> models_pb2.ListModelsResponse:
        """Cards of the shared model and of the caller's own."""
        tenant = current_request().tenant
        # The gateway's probes have no tenant, and are to be answered whatever the registry does.
        own = await self._models.listed(tenant) if tenant else []
        cards = [self._encoder.model_card(self._shared.policy)]
        for served, aliases in own:
            cards.append(tenant_card(served, aliases, await self._models.policy(served)))
        return page_of(cards, request)

    async def get_model(self, request: models_pb2.GetModelRequest) -> models_pb2.GetModelResponse:
        """One model's card, by name."""
        served = await self._own(request.model)
        if served is not None:
            aliases = await self._models.aliases(served.version)
            policy = await self._models.policy(served)
            return models_pb2.GetModelResponse(model=tenant_card(served, aliases, policy))
        messages.check_model(request.model, self._shared.artifact)
        return models_pb2.GetModelResponse(model=self._encoder.model_card(self._shared.policy))

    async def _own(self, selector: model_pb2.ModelSelector) -> ServedVersion | None:
        """The caller's own model that is meant, None for a shared one. Raises NotFoundError.

        The tenant is the one that the gateway authenticated; nothing in the message can say otherwise.
        """
        name = own_model(selector.name, current_request().tenant)
        if name is None:
            return None
        return await self._models.served(name, alias=selector.alias, version=selector.version)
