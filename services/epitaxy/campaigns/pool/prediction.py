"""The connection to the prediction application, which computes the features of candidates."""

from collections.abc import Collection, Sequence
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray

from epitaxy.api.common.v1.model_pb2 import ModelSelector
from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.api.internal.v1 import prediction_backend_pb2 as backend_pb2
from epitaxy.api.internal.v1 import prediction_backend_pb2_grpc as backend_pb2_grpc
from epitaxy.campaigns.pool.features import Fact, Featurized, SubstrateMark
from epitaxy.chassis.errors import UnavailableError
from epitaxy.chassis.signed_calls import OWN_CACHE_HEADER, TENANT_HEADER, signed
from epitaxy.chassis.status import from_trailing_metadata

_PIECE_BYTES, _PIECE_ROWS = 4 * 2**20, 256
_NOT_FINITE = Fact("NOT_FINITE_FEATURE", "a feature of the structure is not a finite number: leave it out")


class FeatureClient:
    """Asks PredictionBackendService for features.

    Args:
        target: HOST:PORT of Serve's gRPC ingress.
        application: Name of the application in Serve.
        seconds: Longest wait for one answer.
        max_message_bytes: Largest message.
        secret: What calls are signed with; empty: they are not.
        own_cache: Tenants whose structures are cached apart from those of others.
    """

    def __init__(
        self,
        target: str,
        application: str,
        seconds: float,
        max_message_bytes: int,
        secret: str = "",
        own_cache: Collection[str] = (),
    ) -> None:
        options = [
            ("grpc.max_send_message_length", max_message_bytes),
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_reconnect_backoff_ms", 2000),
            ("grpc.keepalive_time_ms", 30_000),
            ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}'),
        ]
        self._channel = grpc.aio.insecure_channel(target, options=options)
        self._stub: Any = backend_pb2_grpc.PredictionBackendServiceStub(self._channel)  # type: ignore[no-untyped-call]  # generated
        self._application, self._seconds, self._secret = application, seconds, secret
        self._own_cache = frozenset(own_cache)

    async def close(self) -> None:
        """Closes the channel."""
        await self._channel.close()

    async def substrate(self, tenant: str, name: str, version: str) -> str:
        """Digest of the weights that will answer. Raises as `featurize`."""
        answer = await self._ask(tenant, name, version, ())
        return str(answer.weights_digest)

    async def featurize(self, tenant: str, name: str, version: str, structures: Sequence[bytes]) -> Featurized:
        """Features of structures, each a serialized StructureInput; empty names: the present substrate.

        Raises UnavailableError if the application does not answer, and what it answers, such as NotFoundError.
        """
        answers = [await self._ask(tenant, name, version, piece) for piece in _pieces(structures)]
        return _joined(answers)

    async def _ask(self, tenant: str, name: str, version: str, structures: Sequence[bytes]) -> Any:
        selector = ModelSelector(name=name, version=version) if version else ModelSelector(name=name)
        request = backend_pb2.FeaturizeBlockRequest(
            model=selector if name else None, structures=map(StructureInput.FromString, structures)
        )
        metadata = (
            ("application", self._application),
            (TENANT_HEADER, tenant),
            ("x-request-id", "campaign-pool"),
            *(((OWN_CACHE_HEADER, "1"),) if tenant in self._own_cache else ()),
            *signed(self._secret, tenant, "FeaturizeBlock"),
        )
        try:
            return await self._stub.FeaturizeBlock(request, timeout=self._seconds, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            ours = from_trailing_metadata(error.trailing_metadata())
            raise ours or UnavailableError("the prediction service does not answer") from error


def _pieces(structures: Sequence[bytes]) -> list[list[bytes]]:
    """Structures in messages of bounded size; at least one piece."""
    pieces: list[list[bytes]] = [[]]
    size = 0
    for content in structures:
        if pieces[-1] and (size + len(content) > _PIECE_BYTES or len(pieces[-1]) >= _PIECE_ROWS):
            pieces.append([])
            size = 0
        pieces[-1].append(content)
        size += len(content)
    return pieces


def _joined(answers: Sequence[backend_pb2.FeaturizeBlockResponse]) -> Featurized:
    """One answer of several pieces. Raises UnavailableError if another substrate answered some of them."""
    if len({answer.weights_digest for answer in answers}) > 1:
        raise UnavailableError("the substrate was replaced meanwhile")
    facts = [_fact(entry) for answer in answers for entry in answer.structures]
    full = next((answer for answer in answers if answer.blocks), answers[0])
    names = [block.name for block in full.blocks]
    blocks = {name: np.concatenate([_block(answer, name) for answer in answers if answer.blocks]) for name in names}
    estimates = np.concatenate([_estimates(answer) for answer in answers])
    facts, kept = _finite(facts, blocks)
    mark = SubstrateMark(
        full.model.name,
        full.model.version,
        full.weights_digest,
        {block.name: block.width for block in full.blocks},
        [(entry.property.name, entry.property.unit) for entry in full.estimates],
        {block.name: list(block.columns) for block in full.blocks if block.columns},
    )
    return Featurized(mark, facts, {name: block[kept] for name, block in blocks.items()}, estimates[kept])


def _fact(entry: backend_pb2.FeaturizedStructure) -> Fact:
    if entry.HasField("error"):
        return Fact(entry.error.reason, entry.error.message)
    return Fact(
        key=entry.key,
        formula=entry.reduced_formula,
        elements=entry.elements,
        domain_score=entry.domain_score,
        domain_verdict=entry.domain_verdict,
        review_verdict=entry.review_verdict,
    )


def _block(answer: backend_pb2.FeaturizeBlockResponse, name: str) -> NDArray[np.float32]:
    found = next(block for block in answer.blocks if block.name == name)
    return np.frombuffer(found.values, dtype="<f4").reshape(-1, found.width)


def _estimates(answer: backend_pb2.FeaturizeBlockResponse) -> NDArray[np.float32]:
    texts = [entry.values for entry in answer.estimates] + [entry.stds for entry in answer.estimates]
    columns = [np.frombuffer(text, dtype="<f8") for text in texts]
    return np.stack(columns, axis=1).astype(np.float32) if columns else np.zeros((0, 0), dtype=np.float32)


def _finite(facts: list[Fact], blocks: dict[str, NDArray[np.float32]]) -> tuple[list[Fact], NDArray[np.int64]]:
    """Facts, those of a row with a feature that is not finite refused, and the numbers of the other rows."""
    n_rows = sum(not fact.reason for fact in facts)
    is_finite = np.ones(n_rows, dtype=bool)
    for block in blocks.values():
        is_finite &= np.isfinite(block).all(axis=1)
    checked = iter(is_finite.tolist())
    facts = [fact if fact.reason or next(checked) else _NOT_FINITE for fact in facts]
    return facts, np.flatnonzero(is_finite)
