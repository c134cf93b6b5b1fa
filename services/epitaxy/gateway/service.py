"""The gateway's use cases. They know neither gRPC nor protobuf: any edge that can encode the messages may call them."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import ExitStack, aclosing, contextmanager
from dataclasses import dataclass
from time import monotonic, perf_counter
from typing import TypeVar

from epitaxy.chassis.errors import UnavailableError
from epitaxy.chassis.fair_turns import FairTurns
from epitaxy.chassis.request_context import current_request
from epitaxy.gateway.domain import (
    CHUNK_LOSSES,
    Answer,
    Chunk,
    ExplainQuery,
    Loss,
    ModelQuery,
    ModelsPage,
    ScreenEvent,
    StructureBlock,
    Summary,
    Tally,
    check_coverage,
    check_nearest,
    check_page_size,
    check_size,
)
from epitaxy.gateway.model_access import check_model_access
from epitaxy.gateway.ports import GatewayObserver, PredictionUpstream
from epitaxy.gateway.quotas import TenantQuotas
from epitaxy.gateway.retry import Patience, RetryPolicy, call_again
from epitaxy.gateway.window import Window

ResultT = TypeVar("ResultT")

DRAINING = "this gateway is shutting down: connect again and send what has no answer yet"
DRAIN_RETRY_SECONDS = 1.0
IDLE_RETRY_SECONDS = 0.1
# What a student takes for a candidate, measured against what the ensemble takes for a structure.
_CANDIDATES_A_STRUCTURE = 32


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """Sizes and times that the use cases keep to."""

    max_structures_per_message: int
    max_structures_per_predict: int
    max_structures_per_explain: int
    chunk_window: int
    chunk_patience_seconds: float
    screen_idle_seconds: float | None = None
    upstream_window: int = 64


class GatewayService:
    """Meters every structure, forwards it, and never loses one."""

    def __init__(
        self,
        upstream: PredictionUpstream,
        quotas: TenantQuotas,
        observer: GatewayObserver,
        policy: RetryPolicy,
        limits: GatewayLimits,
    ) -> None:
        self._upstream = upstream
        self._quotas = quotas
        self._observer = observer
        self._policy = policy
        self._limits = limits
        self._is_draining = False
        self._turns = FairTurns(limits.upstream_window, n_spare=limits.upstream_window // 8)

    def drain(self) -> None:
        """Takes no further chunks: an open stream ends when its caller sends more, after the answers under way."""
        self._is_draining = True

    async def predict(self, chunk: Chunk) -> Answer:
        """Answers a few structures. Overload is passed on at once, because the caller waits."""
        self._admit_chunk(chunk, self._limits.max_structures_per_predict)
        answer = await self._send(lambda: self._upstream.evaluate(chunk), chunk.n_structures)
        self._count(answer)
        return answer

    async def screen(self, chunks: AsyncGenerator[Chunk, None]) -> AsyncGenerator[ScreenEvent, None]:
        """Answers chunks as they complete, a summary last.

        The stream takes one of the tenant's screens from its first message on. A chunk that upstream cannot answer
        becomes a Loss and the stream goes on; a mistake of the caller's ends it, after the answers to what came before.
        """
        started = perf_counter()
        tally = Tally()
        idle_seconds = self._limits.screen_idle_seconds
        with ExitStack() as slot:
            admitted = self._admit_each(chunks, slot)
            window = Window(admitted, self._evaluate, self._limits.chunk_window, idle_seconds)
            try:
                async with aclosing(window.results()) as outcomes:
                    async for outcome in outcomes:
                        self._count(outcome)
                        tally += outcome.tally
                        yield outcome
            except TimeoutError as error:
                message = f"no message came for {idle_seconds:g} s: connect again when there is one"
                raise UnavailableError(message, reason="IDLE_STREAM", retry_after_seconds=IDLE_RETRY_SECONDS) from error
        yield Summary(tally, perf_counter() - started)

    @contextmanager
    def screen_slot(self) -> Iterator[None]:
        """Holds one of the tenant's screens. Raises QuotaExceededError, OverloadedError if all are taken."""
        with self._quotas.screen_slot(current_request().tenant):
            yield

    def check_taking(self) -> None:
        """Raises UnavailableError if the gateway takes no further messages of open streams."""
        if self._is_draining:
            raise UnavailableError(DRAINING, reason="DRAINING", retry_after_seconds=DRAIN_RETRY_SECONDS)

    def check_question(self, model: str, coverage: float) -> None:
        """Raises NotFoundError for another tenant's model, InvalidRequestError for a coverage out of range."""
        check_model_access(model)
        check_coverage(coverage)

    async def screen_chunk(self, chunk: Chunk) -> Answer | Loss:
        """Answers one message of a stream, as ``screen`` does; upstream's loss is waited out."""
        self._admit_chunk(chunk, self._limits.max_structures_per_message)
        outcome = await self._evaluate(chunk)
        self._count(outcome)
        return outcome

    async def score(self, encoded: bytes, n_candidates: int) -> bytes:
        """Scores candidates of a search; returns the answer, unread. Upstream's loss is waited out."""
        n_structures = 1 + n_candidates // _CANDIDATES_A_STRUCTURE
        return await self._send(lambda: self._upstream.score(encoded), n_structures, waits_out_overload=True)

    async def embed(self, block: StructureBlock) -> bytes:
        """Embeds the structures of a block; returns the answer, unread."""
        check_model_access(block.model)
        self._admit(block, self._limits.max_structures_per_message)
        return await self._send(lambda: self._upstream.embed(block), block.n_structures)

    async def explain(self, query: ExplainQuery) -> bytes:
        """Explains the predictions for a few structures; returns the answer, unread.

        Overload is passed on at once, because the caller waits.
        """
        check_model_access(query.model)
        check_nearest(query.n_nearest)
        self._admit(query, self._limits.max_structures_per_explain)
        return await self._send(lambda: self._upstream.explain(query), query.n_structures)

    async def validate(self, block: StructureBlock) -> bytes:
        """Reports on the structures of a block without predicting; returns the answer, unread."""
        self._admit(block, self._limits.max_structures_per_message)
        return await self._send(lambda: self._upstream.validate(block), block.n_structures)

    async def list_models(self, page: ModelsPage) -> bytes:
        """Lists the served models; returns the answer, unread."""
        check_page_size(page.size)
        return await self._send(lambda: self._upstream.list_models(page))

    async def get_model(self, query: ModelQuery) -> bytes:
        """Finds one model; returns the answer, unread."""
        check_model_access(query.model)
        return await self._send(lambda: self._upstream.get_model(query))

    def _admit_chunk(self, chunk: Chunk, limit: int) -> None:
        check_model_access(chunk.model)
        check_coverage(chunk.coverage)
        self._admit(chunk, limit)

    def _admit(self, block: StructureBlock, limit: int) -> None:
        tenant = current_request().tenant
        check_size(block, limit)
        self._quotas.take_structures(tenant, block.n_structures)
        self._observer.structures_in(tenant, block.n_structures)

    async def _admit_each(self, chunks: AsyncGenerator[Chunk, None], slot: ExitStack) -> AsyncGenerator[Chunk, None]:
        has_slot = False
        async with aclosing(chunks):
            async for chunk in chunks:
                if not has_slot:
                    slot.enter_context(self._quotas.screen_slot(current_request().tenant))
                    has_slot = True
                self.check_taking()
                self._admit_chunk(chunk, self._limits.max_structures_per_message)
                yield chunk
        if not has_slot:  # a screen of nothing is one as well
            slot.enter_context(self._quotas.screen_slot(current_request().tenant))

    async def _evaluate(self, chunk: Chunk) -> Answer | Loss:
        with self._observer.chunk_in_flight():
            try:
                return await self._send(
                    lambda: self._upstream.evaluate(chunk), chunk.n_structures, waits_out_overload=True
                )
            except CHUNK_LOSSES as error:
                return Loss(chunk, error)

    def _count(self, outcome: Answer | Loss) -> None:
        self._observer.outcomes(outcome.tally)
        if isinstance(outcome, Answer):
            for use, tally in outcome.uses:
                self._observer.model_used(current_request().tenant, use, tally)

    async def _send(
        self, attempt: Callable[[], Awaitable[ResultT]], n_structures: int = 1, *, waits_out_overload: bool = False
    ) -> ResultT:
        left = current_request().seconds_left()
        patience = self._limits.chunk_patience_seconds
        give_up_at = monotonic() + (patience if left is None else min(left, patience))
        call = current_request()

        async def in_turn() -> ResultT:
            async with self._turns.turn(call.tenant, n_structures, call.weight):
                return await attempt()

        return await call_again(
            in_turn, self._policy, Patience(give_up_at, waits_out_overload), on_retry=self._observer.retry
        )
