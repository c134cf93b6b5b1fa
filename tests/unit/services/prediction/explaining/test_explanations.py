"""Explanations in a replica: each structure its own answer, a few calls a tenant, overload told from loss."""

import asyncio
import warnings

import numpy as np
import pytest
from prediction_rig import poscar, rock_salt

with warnings.catch_warnings():
    # Ray Serve's own use of pydantic warns while it is imported.
    warnings.simplefilter("ignore")
    from ray.exceptions import ActorDiedError
    from ray.serve.exceptions import BackPressureError

    from epitaxy.prediction.explaining.ray_client import RayExplanationBackend
    from epitaxy.prediction.explaining.replica import explain_structure, outcome_of

from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.api.internal.v1.prediction_backend_pb2 import ExplainBlockRequest
from epitaxy.chassis.errors import InvalidRequestError, OverloadedError, UnavailableError
from epitaxy.prediction.domain import Item, Refusal, TextSource
from epitaxy.prediction.explaining.messages import explanations_message, query_of
from epitaxy.prediction.explaining.service import Explained, ExplanationQuery, ExplanationService
from epitaxy_models.ensembles.artifact import shipped_model
from epitaxy_models.explanation import explainer as limits
from epitaxy_models.explanation.explainer import Explainer
from epitaxy_models.structures import TextFormat, unpack_structures

QUERY = ExplanationQuery("formation_energy", 2)
BROKEN = TextSource(TextFormat.CIF, "hello")


@pytest.fixture(scope="session")
def explainer(artifact) -> Explainer:
    return Explainer(artifact, shipped_model())


class InProcess:
    """An ExplanationBackend that runs a real explainer here."""

    def __init__(self, explainer: Explainer) -> None:
        self._explainer = explainer
        self.gate = asyncio.Event()
        self.gate.set()

    async def explain(self, structures, query):
        await self.gate.wait()
        return [explain_structure(self._explainer, structure, query) for structure in structures]


@pytest.fixture
def service(rig, explainer) -> ExplanationService:
    return ExplanationService(rig().service, InProcess(explainer), calls_each=1)


async def test_structures_are_explained_in_order_beside_refused_ones(artifact, service) -> None:
    items = [Item("a", poscar(rock_salt(11, 17))), Item("bad", BROKEN), Item("b", rock_salt(12, 8))]
    answers = await service.explain(items, QUERY, "acme")
    message = explanations_message(answers, QUERY, artifact)
    first, bad, last = message.results
    assert [first.id, bad.id, last.id] == ["a", "bad", "b"]
    assert (bad.error.reason, bad.error.retryable) == ("UNREADABLE", False)
    assert (first.explanation.reduced_formula, last.explanation.reduced_formula) == ("NaCl", "MgO")
    assert message.property.unit == "eV/atom"
    assert message.model.digest == artifact.digest


async def test_an_explanation_arrives_whole_on_the_wire(artifact, service) -> None:
    [one] = explanations_message(await service.explain([Item("a", rock_salt())], QUERY, ""), QUERY, artifact).results
    found = one.explanation
    assert [site.atomic_number for site in found.sites] == [11, 17]
    total = sum(site.value for site in found.sites)
    assert total == pytest.approx(found.value - found.baseline + found.completeness_error, abs=1e-9)
    assert {(e.atomic_number, e.n_sites) for e in found.elements} == {(11, 1), (17, 1)}
    [bond] = [s for s in found.shells if (s.first_atomic_number, s.second_atomic_number) == (11, 17)][:1]
    assert (bond.distance_angstrom, bond.coordination) == (pytest.approx(2.82), 6)
    assert found.faithfulness.is_faithful
    assert found.faithfulness.reason == ""
    assert found.faithfulness.n_random_orders == 20
    assert len(found.nearest) == 2
    assert found.nearest[0].id.startswith("mp-")
    packed = found.structure
    [structure] = unpack_structures(packed.n_sites, packed.lattices_angstrom, packed.atomic_numbers, packed.frac_coords)
    np.testing.assert_array_equal(structure.lattice, rock_salt().lattice)


async def test_a_crystal_that_is_too_large_is_refused_alone(service, explainer, crystals, monkeypatch) -> None:
    monkeypatch.setattr(limits, "MAX_EDGES", 10)
    big = max(crystals, key=lambda structure: len(set(structure.atomic_numbers.tolist())))
    one, two = await service.explain([Item("big", big), Item("small", rock_salt())], QUERY, "acme")
    assert isinstance(one.outcome, Refusal)
    assert (one.outcome.reason, one.outcome.is_retryable) == ("TOO_LARGE_TO_EXPLAIN", False)
    assert outcome_of(one.outcome) == "refused"
    assert outcome_of(two.outcome) == "faithful"


async def test_a_fault_of_ours_costs_one_structure_and_can_be_sent_again(explainer) -> None:
    def broken(*given):
        raise ArithmeticError("secret")

    found = explain_structure(broken, rock_salt(), QUERY)
    assert isinstance(found, Refusal)
    assert found.is_retryable
    assert "secret" not in found.message
    assert outcome_of(found) == "failed"


async def test_a_tenant_waits_for_its_own_calls_and_for_no_other_tenants(rig, explainer) -> None:
    backend = InProcess(explainer)
    service = ExplanationService(rig().service, backend, calls_each=1)
    backend.gate.clear()
    first = asyncio.ensure_future(service.explain([Item("a", rock_salt())], QUERY, "acme"))
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError, match="1 calls of yours for explanations are under way") as shed:
        await service.explain([Item("b", rock_salt())], QUERY, "acme")
    assert shed.value.retry_after_seconds
    other = asyncio.ensure_future(service.explain([Item("c", rock_salt())], QUERY, "globex"))
    await asyncio.sleep(0)
    backend.gate.set()
    assert [answer.id for answer in [*await first, *await other]] == ["a", "c"]
    assert isinstance((await service.explain([Item("d", rock_salt())], QUERY, "acme"))[0], Explained)


async def test_a_call_without_a_readable_structure_wakes_no_explainer(rig) -> None:
    service = ExplanationService(rig().service, None, calls_each=1)
    [answer] = await service.explain([Item("bad", BROKEN)], QUERY, "acme")
    assert isinstance(answer.outcome, Refusal)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            ExplainBlockRequest(property="hardness"),
            "property: the model has no hardness; it has formation_energy, band_gap",
        ),
        (ExplainBlockRequest(n_nearest=21), "n_nearest: is 21, at most 20 are allowed"),
    ],
)
def test_a_wrong_query_names_the_field(artifact, request_, message) -> None:
    with pytest.raises(InvalidRequestError, match=message.split(":")[0]) as refused:
        query_of(request_, artifact)
    [violation] = refused.value.violations
    assert f"{violation.field}: {violation.description}".startswith(message)


def test_defaults_are_the_first_property_and_five_known_materials(artifact) -> None:
    assert query_of(ExplainBlockRequest(structures=[StructureInput(id="a")]), artifact) == ExplanationQuery(
        "formation_energy", 5
    )


class Handle:
    """An explainer's handle that raises this."""

    def __init__(self, error):
        self._error = error
        self.explain = self

    async def remote(self, structures, query):
        raise self._error


async def test_a_full_queue_is_an_overload_and_a_lost_replica_is_not() -> None:
    full = RayExplanationBackend(Handle(BackPressureError(num_queued_requests=8, max_queued_requests=8)))
    with pytest.raises(OverloadedError, match="too many explanations wait") as shed:
        await full.explain([rock_salt()], QUERY)
    assert shed.value.retry_after_seconds == 2.0
    with pytest.raises(UnavailableError, match="the explainer does not answer: send it again"):
        await RayExplanationBackend(Handle(ActorDiedError())).explain([rock_salt()], QUERY)
