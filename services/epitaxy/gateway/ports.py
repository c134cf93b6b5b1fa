"""What the use cases need from the outside."""

from contextlib import AbstractContextManager
from typing import Protocol

from epitaxy.gateway.domain import (
    Answer,
    Chunk,
    ExplainQuery,
    ModelQuery,
    ModelsPage,
    ModelUse,
    StructureBlock,
    Tally,
)


class PredictionUpstream(Protocol):
    """The prediction application.

    Each call makes one attempt, is idempotent, MUST keep to the deadline of the current request, and raises an
    EpitaxyError whose message is safe to show to the caller.
    """

    async def evaluate(self, chunk: Chunk) -> Answer:
        """Predicts the structures of a chunk. Every structure of the chunk MUST be in the answer, once."""

    async def score(self, encoded: bytes) -> bytes:
        """Returns the students' scores of candidates, encoded; the request is encoded, too."""

    async def embed(self, block: StructureBlock) -> bytes:
        """Returns the embeddings of a block's structures, encoded."""

    async def explain(self, query: ExplainQuery) -> bytes:
        """Returns explanations of the predictions for some structures, encoded."""

    async def validate(self, block: StructureBlock) -> bytes:
        """Returns reports on how a block's structures are read, encoded."""

    async def list_models(self, page: ModelsPage) -> bytes:
        """Returns the cards of served models, encoded."""

    async def get_model(self, query: ModelQuery) -> bytes:
        """Returns the card of one model, encoded."""


class GatewayObserver(Protocol):
    """Is told what passes. An observer MUST neither raise nor block."""

    def structures_in(self, tenant: str, count: int) -> None:
        """A tenant sent structures."""

    def outcomes(self, tally: Tally) -> None:
        """Structures were answered, refused or lost."""

    def model_used(self, tenant: str, use: ModelUse, tally: Tally) -> None:
        """A model version answered structures of a tenant, with these verdicts."""

    def chunk_in_flight(self) -> AbstractContextManager[None]:
        """Runs around each chunk from its arrival to its answer."""

    def retry(self, cause: str) -> None:
        """A call is sent again."""
