"""What the use cases need of the outside."""

from contextlib import AbstractContextManager
from typing import Any, Protocol

from epitaxy.gateway.domain import Answer, Chunk, ModelUse, Tally


class PredictionUpstream(Protocol):
    """The prediction application. Each method is one attempt and raises an EpitaxyError."""

    async def evaluate(self, chunk: Chunk) -> Answer:
        """Predicts the structures of a chunk; every one of them is in the answer."""

    async def embed(self, payload: Any) -> Any:
        """Embeds the structures of a message."""

    async def explain(self, payload: Any) -> Any:
        """Explains the predictions for the structures of a message."""

    async def validate(self, payload: Any) -> Any:
        """Reads the structures of a message as a prediction would."""

    async def list_models(self, payload: Any) -> Any:
        """Lists the models served."""

    async def get_model(self, payload: Any) -> Any:
        """Finds one model."""


class GatewayObserver(Protocol):
    """Who wants to know what passes."""

    def structures_in(self, tenant: str, count: int) -> None:
        """A tenant sent structures."""

    def outcomes(self, tally: Tally) -> None:
        """Structures were answered, refused or lost."""

    def model_used(self, tenant: str, use: ModelUse, tally: Tally) -> None:
        """A model version answered structures of a tenant, with these verdicts."""

    def chunk_in_flight(self) -> AbstractContextManager[None]:
        """Around each chunk from its arrival to its answer."""

    def retry(self, cause: str) -> None:
        """A call is sent again."""
