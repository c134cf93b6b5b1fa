"""The use cases as an edge without gRPC and protobuf calls them."""

import json
from contextlib import nullcontext

import pytest

from epitaxy.chassis.errors import InvalidRequestError, NotFoundError, QuotaExceededError, UnavailableError
from epitaxy.chassis.request_context import RequestContext, bind_request
from epitaxy.chassis.tenants import TenantLimits
from epitaxy.gateway.domain import (
    Answer,
    Chunk,
    ExplainQuery,
    Loss,
    ModelQuery,
    ModelsPage,
    StructureBlock,
    Summary,
    Tally,
)
from epitaxy.gateway.quotas import TenantQuotas
from epitaxy.gateway.retry import RetryPolicy
from epitaxy.gateway.service import GatewayLimits, GatewayService

LIMITS = GatewayLimits(
    max_structures_per_message=8,
    max_structures_per_predict=4,
    max_structures_per_explain=2,
    chunk_window=1,
    chunk_patience_seconds=1.0,
)


class JsonUpstream:
    """Implements the port with answers in JSON; a chunk that says ``lost`` gets none."""

    def __init__(self):
        self.seen = []

    async def evaluate(self, chunk):
        if self._note(chunk) == "lost":
            raise UnavailableError("gone")
        return Answer(json.dumps({"answers": chunk.n_structures}).encode(), Tally(answered=chunk.n_structures))

    async def embed(self, block):
        return self._note(block).encode()

    explain = validate = list_models = get_model = embed

    def _note(self, message):
        self.seen.append(json.loads(message.encoded))
        return self.seen[-1]


class Quiet:
    """Implements the observer's port."""

    def __init__(self):
        self.used = []

    def structures_in(self, tenant, count):
        self.used.append((tenant, count))

    def outcomes(self, tally):
        pass

    def model_used(self, tenant, use, tally):
        pass

    def chunk_in_flight(self):
        return nullcontext()

    def retry(self, cause):
        pass


@pytest.fixture
def upstream():
    return JsonUpstream()


@pytest.fixture
def observer():
    return Quiet()


@pytest.fixture
async def service(upstream, observer):
    bind_request(RequestContext(request_id="run-1", tenant="acme"))
    quotas = TenantQuotas({"acme": TenantLimits(structures_per_minute=12)}, max_screens=2)
    return GatewayService(upstream, quotas, observer, RetryPolicy(0, 0.01, 0.01), LIMITS)


def encoded(text):
    return json.dumps(text).encode()


async def test_answers_come_back_as_upstream_encoded_them(service, upstream):
    answer = await service.predict(Chunk(encoded("predict"), 3))
    assert json.loads(answer.encoded) == {"answers": 3}
    assert await service.embed(StructureBlock(encoded("embed"), 1)) == b"embed"
    assert await service.explain(ExplainQuery(encoded("explain"), 1)) == b"explain"
    assert await service.validate(StructureBlock(encoded("validate"), 1)) == b"validate"
    assert await service.list_models(ModelsPage(encoded("list"))) == b"list"
    assert await service.get_model(ModelQuery(encoded("get"))) == b"get"
    assert upstream.seen == ["predict", "embed", "explain", "validate", "list", "get"]


async def test_a_screen_goes_on_after_a_lost_chunk_and_sums_up(service):
    async def chunks():
        for text, count in (("first", 2), ("lost", 3), ("last", 4)):
            yield Chunk(encoded(text), count, sequence=count)

    events = [event async for event in service.screen(chunks())]
    assert [type(event) for event in events] == [Answer, Loss, Answer, Summary]
    assert (events[1].chunk.sequence, events[1].error.message) == (3, "gone")
    assert (events[-1].tally.answered, events[-1].tally.failed) == (6, 3)


FOREIGN = "globex/tc"


@pytest.mark.parametrize(
    ("use_case", "message", "refusal", "text"),
    [
        ("predict", Chunk(encoded(""), 5), InvalidRequestError, "structures: has 5 structures; at most 4 are allowed"),
        ("predict", Chunk(encoded(""), 0), InvalidRequestError, "structures: is empty"),
        ("predict", Chunk(encoded(""), 1, coverage=0.4), InvalidRequestError, r"coverage: is 0\.4; give 0\.5 to 0\.99"),
        ("predict", Chunk(encoded(""), 1, FOREIGN), NotFoundError, "no model named 'globex/tc'"),
        ("embed", StructureBlock(encoded(""), 9), InvalidRequestError, "at most 8 are allowed"),
        ("embed", StructureBlock(encoded(""), 1, FOREIGN), NotFoundError, "no model named"),
        ("explain", ExplainQuery(encoded(""), 3), InvalidRequestError, "at most 2 are allowed"),
        ("explain", ExplainQuery(encoded(""), 1, n_nearest=21), InvalidRequestError, "n_nearest: is 21; at most 20"),
        ("explain", ExplainQuery(encoded(""), 1, FOREIGN), NotFoundError, "no model named"),
        ("validate", StructureBlock(encoded(""), 9), InvalidRequestError, "at most 8 are allowed"),
        ("list_models", ModelsPage(encoded(""), 101), InvalidRequestError, "page_size: is 101; at most 100"),
        ("get_model", ModelQuery(encoded(""), FOREIGN), NotFoundError, "no model named"),
    ],
)
async def test_whatever_the_edge_the_use_case_refuses(service, upstream, observer, use_case, message, refusal, text):
    with pytest.raises(refusal, match=text):
        await getattr(service, use_case)(message)
    assert upstream.seen == observer.used == []


async def test_structures_of_all_use_cases_count_against_one_quota(service, observer):
    await service.predict(Chunk(encoded("a"), 4))
    await service.embed(StructureBlock(encoded("b"), 7))
    await service.validate(StructureBlock(encoded("c"), 2))
    with pytest.raises(QuotaExceededError, match="12 structures per minute"):
        await service.explain(ExplainQuery(encoded("d"), 1))
    assert observer.used == [("acme", 4), ("acme", 7), ("acme", 2)]
