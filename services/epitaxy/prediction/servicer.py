"""epitaxy.internal.v1.PredictionBackendService: which model a call asks, and whether the caller may ask it."""

from collections.abc import Mapping, Sequence

from epitaxy.api.common.v1 import model_pb2
from epitaxy.api.internal.v1 import prediction_backend_pb2 as backend_pb2
from epitaxy.api.models.v1 import models_pb2
from epitaxy.api.prediction.v1 import prediction_pb2
from epitaxy.chassis.errors import FailedPreconditionError, NotFoundError
from epitaxy.chassis.model_names import SEPARATOR, UNKNOWN_MODEL, ModelName, is_model_name, own_model
from epitaxy.chassis.request_context import bind_model_version, current_request
from epitaxy.prediction import messages
from epitaxy.prediction.domain import Item
from epitaxy.prediction.explaining.material_messages import (
    definitions_of,
    explained_message,
    material_query_of,
    merged_explanations,
    substrate_stamp,
    tenant_stamp,
)
from epitaxy.prediction.explaining.materials import MaterialExplanations
from epitaxy.prediction.explaining.messages import explanations_message, query_of
from epitaxy.prediction.explaining.service import ExplanationService
from epitaxy.prediction.featurizing.messages import features_message, material_features_message
from epitaxy.prediction.featurizing.service import FeatureService
from epitaxy.prediction.materials.answers import MaterialAnswers, asked_of, property_names
from epitaxy.prediction.materials.mixed import AnsweredPart, as_columns, merged, positions_by_kind
from epitaxy.prediction.materials.service import MaterialService
from epitaxy.prediction.searching.service import ScoreService, check_quantities, without_students
from epitaxy.prediction.searching.shelf import StudentShelf
from epitaxy.prediction.serve.activity import Activity
from epitaxy.prediction.tenants.messages import base_message, page_of, tenant_card, tenant_encoder
from epitaxy.prediction.tenants.models import ServedVersion, TenantModels
from epitaxy.prediction.tenants.service import TenantService
from epitaxy.prediction.tenants.substrates import Substrate, Substrates
from epitaxy_models.materials import MaterialKind


class PredictionServicer:
    """Answers with the shared model, or with one of the caller's own. Each method is one RPC."""

    def __init__(
        self,
        substrates: Substrates,
        tenants: TenantService,
        models: TenantModels,
        explanations: ExplanationService,
        features: FeatureService,
        materials: MaterialAnswers,
        material_explanations: MaterialExplanations,
        students: StudentShelf | None = None,
    ) -> None:
        self._substrates, self._tenants, self._models = substrates, tenants, models
        self._explanations, self._features, self._materials = explanations, features, materials
        self._material_explanations = material_explanations
        self._scores = ScoreService(students or StudentShelf())
        self.activity = Activity()
        self._encoders: dict[str, messages.BlockEncoder] = {}

    async def evaluate(self, request: backend_pb2.EvaluateRequest) -> backend_pb2.EvaluateResponse:
        """Predictions for one block."""
        with self.activity.call():
            return backend_pb2.EvaluateResponse(results=await self._evaluate(request))

    async def _evaluate(self, request: backend_pb2.EvaluateRequest) -> prediction_pb2.ResultBlock:
        options, items = request.options, messages.items_of(request.structures)
        served = await self._own(options.model)
        if served is None:
            return await self._evaluate_shared(options, items, request.sequence)
        bind_model_version(served.version.version)
        query = messages.query_for(options, [served.card.definition.name])
        is_crystal = served.kind is MaterialKind.STRUCTURE
        evaluate = self._tenants.evaluate if is_crystal else self._materials.evaluate_own
        return tenant_encoder(served).results(await evaluate(items, served, query), query, request.sequence)

    async def _evaluate_shared(
        self, options: prediction_pb2.PredictionOptions, items: Sequence[Item], sequence: int
    ) -> prediction_pb2.ResultBlock:
        """The substrate that is named; without a name, of each material the substrate of its kind."""
        material = await self._materials.named(options.model)
        if material is not None:
            return await self._materials.answer(material, items, options, sequence)
        positions = positions_by_kind(items)
        if not options.model.name and set(positions) - {MaterialKind.STRUCTURE}:
            return await self._evaluate_mixed(options, items, positions, sequence)
        return await self._evaluate_crystals(options, items, sequence)

    async def _evaluate_crystals(
        self, options: prediction_pb2.PredictionOptions, items: Sequence[Item], sequence: int
    ) -> prediction_pb2.ResultBlock:
        shared = await self._shared(options.model)
        query = messages.query_of(options, shared.artifact)
        return self._encoder(shared).results(await shared.service.evaluate(items, query), query, sequence)

    async def _evaluate_mixed(
        self,
        options: prediction_pb2.PredictionOptions,
        items: Sequence[Item],
        positions: Mapping[MaterialKind, list[int]],
        sequence: int,
    ) -> prediction_pb2.ResultBlock:
        """The kinds' substrates side by side, crystals first."""
        messages.check_model(options.model, self._substrates.current.artifact)
        crystals = positions.get(MaterialKind.STRUCTURE, [])
        others: dict[str, tuple[MaterialService, list[int]]] = {}
        for kind, own in positions.items():
            if kind is not MaterialKind.STRUCTURE:
                service = await self._materials.of_kind(kind)
                others.setdefault(service.label, (service, []))[1].extend(own)
        names = [property_names(service.substrate.card) for service, _ in others.values()]
        if crystals:
            names.insert(0, property_names(self._substrates.current.artifact.card))
        asked = asked_of(options, names)
        parts = []
        if crystals:
            block = await self._evaluate_crystals(asked.pop(0), [items[at] for at in crystals], sequence)
            parts.append(AnsweredPart(crystals, block))
        for (service, own), part in zip(others.values(), asked, strict=True):
            block = await self._materials.answer(service, [items[at] for at in own], part, sequence)
            parts.append(AnsweredPart(own, block))
        whole = merged(parts, sequence)
        return as_columns(whole) if options.answer_form == prediction_pb2.ANSWER_FORM_COLUMNS else whole

    async def embed(self, request: backend_pb2.EmbedBlockRequest) -> backend_pb2.EmbedBlockResponse:
        """Structure embeddings of one block; only the shared model has any."""
        served = await self._own(request.model)
        if served is not None:
            raise FailedPreconditionError(
                f"{served.version.model} has no embeddings of its own: embed with {self._base_of(served)}",
                reason="NO_EMBEDDINGS",
            )
        material = await self._materials.named(request.model)
        if material is not None:
            return await self._materials.embed(material, messages.items_of(request.structures))
        shared = await self._shared(request.model)
        answers, embeddings = await shared.service.embed(messages.items_of(request.structures))
        return self._encoder(shared).embeddings(answers, embeddings)

    async def explain(self, request: backend_pb2.ExplainBlockRequest) -> backend_pb2.ExplainBlockResponse:
        """Explanations of one block: by a tenant's model of materials without a crystal, or by the shared models."""
        items = messages.items_of(request.structures)
        served = await self._own(request.model)
        if served is not None:
            return await self._explain_own(request, items, served)
        material = await self._materials.named(request.model)
        if material is not None:
            return await self._explain_materials(request, items, material)
        if request.model.name:
            return await self._explain_crystals(request, items)
        parts = []
        for kind, own in positions_by_kind(items).items():
            chosen = [items[at] for at in own]
            if kind is MaterialKind.STRUCTURE:
                parts.append((own, await self._explain_crystals(request, chosen)))
            else:
                service = await self._materials.of_kind(kind)
                parts.append((own, await self._explain_materials(request, chosen, service)))
        return merged_explanations(parts)

    async def _explain_own(
        self, request: backend_pb2.ExplainBlockRequest, items: Sequence[Item], served: ServedVersion
    ) -> backend_pb2.ExplainBlockResponse:
        if served.kind is MaterialKind.STRUCTURE:
            raise FailedPreconditionError(
                f"{served.version.model} also predicts from descriptors and labels, which cannot be attributed to "
                f"atoms: explain {self._base_of(served)}, and read in `epitaxy finetune report` what the model "
                "relies on",
                reason="NOT_EXPLAINABLE",
            )
        query, definition = material_query_of(request, [served.card.definition], served)
        tenant = current_request().tenant
        explained = await self._material_explanations.by_model(items, served, query, tenant)
        return explained_message(explained, tenant_stamp(served), definition)

    async def _explain_materials(
        self, request: backend_pb2.ExplainBlockRequest, items: Sequence[Item], service: MaterialService
    ) -> backend_pb2.ExplainBlockResponse:
        query, definition = material_query_of(request, definitions_of(service))
        explained = await self._material_explanations.by_substrate(items, service, query, current_request().tenant)
        return explained_message(explained, substrate_stamp(service), definition)

    async def _explain_crystals(
        self, request: backend_pb2.ExplainBlockRequest, items: Sequence[Item]
    ) -> backend_pb2.ExplainBlockResponse:
        shared = await self._shared(request.model)
        query = query_of(request, shared.artifact, is_current=shared.is_current)
        explained = await self._explanations.explain(items, query, current_request().tenant, shared.service)
        return explanations_message(explained, query, shared.artifact)

    async def featurize(self, request: backend_pb2.FeaturizeBlockRequest) -> backend_pb2.FeaturizeBlockResponse:
        """Features of one block; only the shared model gives them."""
        served = await self._own(request.model)
        if served is not None:
            raise FailedPreconditionError(
                f"{served.version.model} is no substrate: name {self._base_of(served)}", reason="NO_SUBSTRATE"
            )
        material = await self._materials.named(request.model)
        if material is not None:
            with self.activity.call():
                found = await self._features.of_materials.featurize(messages.items_of(request.structures), material)
                return material_features_message(found, material.substrate)
        shared = await self._shared(request.model)
        with self.activity.call():
            answer = await self._features.featurize(messages.items_of(request.structures), shared)
            return features_message(answer, shared.artifact)

    async def score(self, request: backend_pb2.ScoreCandidatesRequest) -> backend_pb2.ScoreCandidatesResponse:
        """Scores of a search's candidates; only a shared model of crystals has students."""
        selector = request.options.model
        served = await self._own(selector)
        if served is not None:
            check_quantities(request, [served.card.definition.name])
            reason = f"{served.version.model} has no students: all candidates are evaluated"
            return without_students(tenant_stamp(served), reason)
        material = await self._materials.named(selector)
        if material is not None:
            check_quantities(request, property_names(material.substrate.card))
            reason = "materials without a crystal are predicted as fast as they are scored: all are evaluated"
            return without_students(substrate_stamp(material), reason)
        shared = await self._shared(selector)
        with self.activity.call():
            return await self._scores.score(request, shared.artifact, is_current=shared.is_current)

    async def validate(self, request: backend_pb2.ValidateBlockRequest) -> backend_pb2.ValidateBlockResponse:
        """Intake reports of one block."""
        shared = self._substrates.current.service
        return messages.reports(await shared.report(messages.items_of(request.structures)))

    async def list_models(self, request: backend_pb2.ListServedModelsRequest) -> backend_pb2.ListServedModelsResponse:
        """Cards of the shared models, crystals first, and of the caller's own."""
        tenant = current_request().tenant
        # The gateway's probes name no tenant and must be answered whatever the registry does.
        own = await self._models.list_served(tenant) if tenant else []
        shared = [self._card(self._substrates.current), *(await self._materials.cards() if tenant else [])]
        cards = [await self._own_card(served, aliases) for served, aliases in own]
        return page_of([*shared, *cards], request, len(shared))

    async def get_model(self, request: backend_pb2.GetServedModelRequest) -> backend_pb2.GetServedModelResponse:
        """One model's card, by name."""
        served = await self._own(request.model)
        if served is not None:
            aliases = await self._models.read_aliases(served.version)
            return backend_pb2.GetServedModelResponse(model=await self._own_card(served, aliases))
        material = await self._materials.named(request.model)
        card = self._card(await self._shared(request.model)) if material is None else self._materials.card(material)
        return backend_pb2.GetServedModelResponse(model=card)

    async def _shared(self, selector: model_pb2.ModelSelector) -> Substrate:
        """The shared model, or the earlier version of it that the selector asks for. Raises NotFoundError."""
        current = self._substrates.current
        name = selector.name or current.artifact.card.name
        if selector.WhichOneof("which") == "version":
            earlier = await self._substrates.of_version(name, selector.version)
            if earlier is not None:
                return earlier
        messages.check_model(selector, current.artifact, self._substrates.catalogue.earlier)
        return current

    def _encoder(self, shared: Substrate) -> messages.BlockEncoder:
        """Writes answers of that version; made once."""
        digest = shared.artifact.digest
        if digest not in self._encoders:
            self._encoders[digest] = messages.BlockEncoder(shared.artifact)
        return self._encoders[digest]

    def _base_of(self, served: ServedVersion) -> str:
        """The substrate under a model as a caller selects it."""
        base = served.card.base
        return base.name if self._substrates.is_current(base.digest) else f"{base.name}:{base.version}"

    def _card(self, shared: Substrate) -> models_pb2.ModelCard:
        return self._encoder(shared).model_card(shared.service.policy, is_current=shared.is_current)

    async def _own_card(self, served: ServedVersion, aliases: Sequence[str]) -> models_pb2.ModelCard:
        card = tenant_card(served, aliases, await self._models.read_policy(served))
        base = served.card.base
        # There is one version of the other kinds' substrates.
        is_current = served.kind is not MaterialKind.STRUCTURE or self._substrates.is_current(base.digest)
        card.base.CopyFrom(base_message(base, is_current=is_current))
        return card

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
        is_shared = name in ("", self._substrates.current.artifact.card.name, *self._materials.names)
        if is_shared or not tenant or not is_model_name(name) or not self._models.registry.exists():
            return None
        return ModelName(tenant, name)
