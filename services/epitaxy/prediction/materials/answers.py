"""Which substrate or tenant's model answers materials without a crystal, and its answers on the wire."""

from collections.abc import Sequence

from epitaxy.api.common.v1 import model_pb2
from epitaxy.api.internal.v1 import prediction_backend_pb2
from epitaxy.api.models.v1 import models_pb2
from epitaxy.api.prediction.v1 import prediction_pb2
from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.prediction import messages
from epitaxy.prediction.domain import BlockAnswer, Item, Query
from epitaxy.prediction.materials.service import MaterialService
from epitaxy.prediction.materials.services import MaterialServices
from epitaxy.prediction.materials.tenants import MaterialTenants
from epitaxy.prediction.tenants.models import ServedVersion
from epitaxy_models.ensembles.card import ModelCard
from epitaxy_models.materials import MaterialKind
from epitaxy_models.substrates.material_catalogue import NAMES


class MaterialAnswers:
    """What the servicer asks of materials without a crystal."""

    def __init__(self, services: MaterialServices, tenants: MaterialTenants) -> None:
        self._services, self._tenants = services, tenants
        self._encoders: dict[str, messages.ResultEncoder] = {}

    @property
    def names(self) -> frozenset[str]:
        """Names of the substrates."""
        return frozenset(NAMES.values())

    async def named(self, selector: model_pb2.ModelSelector) -> MaterialService | None:
        """The substrate that a selector names; None for any other model. Raises NotFoundError for another version."""
        asked = selector.version if selector.WhichOneof("which") == "version" else ""
        service = await self._services.named(selector.name, asked)
        if service is not None:
            messages.check_card(selector, service.substrate.card)
        return service

    async def of_kind(self, kind: MaterialKind) -> MaterialService:
        """The substrate of a kind of material other than crystals."""
        return await self._services.of_kind(kind)

    async def evaluate_own(self, items: Sequence[Item], served: ServedVersion, query: Query) -> BlockAnswer:
        """Predictions with a tenant's model."""
        return await self._tenants.evaluate(items, served, query)

    async def answer(
        self,
        service: MaterialService,
        items: Sequence[Item],
        options: prediction_pb2.PredictionOptions,
        sequence: int,
    ) -> prediction_pb2.ResultBlock:
        """Predictions of a substrate. Raises InvalidRequestError for unknown properties or coverage."""
        query = messages.query_for(options, property_names(service.substrate.card))
        return self._encoder(service).results(await service.evaluate(items, query), query, sequence)

    async def embed(self, service: MaterialService, items: Sequence[Item]) -> prediction_backend_pb2.EmbedBlockResponse:
        """Embeddings of a substrate."""
        answers, rows = await service.embed(items)
        embeddings = [entry.embedding for entry in rows]
        return messages.embeddings_message(service.substrate.card, service.substrate.digest, answers, embeddings)

    def card(self, service: MaterialService) -> models_pb2.ModelCard:
        """The card of a substrate."""
        substrate = service.substrate
        message = messages.substrate_card(substrate.card, substrate.digest, service.policy)
        details = substrate.details
        message.kinds.extend(messages.KINDS[kind] for kind in substrate.kinds)
        message.n_parameters_per_member = details.n_parameters // substrate.card.backbone.n_members
        message.supported_elements.extend(details.supported_elements)
        message.card_json = details.card_json
        return message

    async def cards(self) -> list[models_pb2.ModelCard]:
        """The cards of all substrates of materials, by name."""
        kinds = {name: kind for kind, name in NAMES.items()}
        return [self.card(await self._services.of_kind(kinds[name])) for name in sorted(kinds)]

    def _encoder(self, service: MaterialService) -> messages.ResultEncoder:
        digest = service.substrate.digest
        if digest not in self._encoders:
            self._encoders[digest] = messages.substrate_encoder(service.substrate.card, digest)
        return self._encoders[digest]


def property_names(card: ModelCard) -> list[str]:
    """Names of the properties that a substrate predicts."""
    return [entry.definition.name for entry in card.properties]


def asked_of(
    options: prediction_pb2.PredictionOptions, names: Sequence[Sequence[str]]
) -> list[prediction_pb2.PredictionOptions]:
    """The options for each of several models: the asked properties that it has.

    Raises InvalidRequestError for a property that none of them has, and if one of them has none of the asked.
    """
    known = {name for own in names for name in own}
    unknown = sorted(set(options.properties) - known)
    if unknown:
        raise InvalidRequestError.of_field(
            "options.properties",
            f"no model of these materials has {', '.join(unknown)}; they have {', '.join(sorted(known))}",
        )
    parts = []
    for own in names:
        part = prediction_pb2.PredictionOptions(coverage=options.coverage, bypass_cache=options.bypass_cache)
        part.properties.extend(name for name in options.properties if name in own)
        if options.properties and not part.properties:
            raise InvalidRequestError.of_field(
                "options.properties",
                f"the message mixes kinds of material, and one of their models has only {', '.join(own)}: ask for one "
                "of these too, or send the kinds apart",
            )
        parts.append(part)
    return parts
