"""Campaigns of materials without a crystal, under conditions, through the real features of their substrate."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from campaign_rig import TENANT, CampaignRig, answered, candidates, measured, spec

from epitaxy.api.campaigns.v1 import campaigns_pb2 as pb
from epitaxy.api.common.v1.structure_pb2 import ConditionValue as ConditionMessage
from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.campaigns import messages
from epitaxy.campaigns.answers import batch_message
from epitaxy.campaigns.domain.candidates import Candidate, ConditionValue
from epitaxy.campaigns.domain.spec import PoolCondition, PoolFile
from epitaxy.campaigns.exporting import Exporting
from epitaxy.campaigns.model_maker import order_message
from epitaxy.campaigns.pool.cells import kind_of
from epitaxy.campaigns.pool.features import Fact, Featurized, SubstrateMark
from epitaxy.campaigns.promoting import Promoting
from epitaxy.finetune.messages import source_of, spec_of
from epitaxy_models.errors import InvalidMaterialError
from epitaxy_models.materials import MaterialKind
from epitaxy_models.materials.reading import read_material
from epitaxy_models.transfer.conditions.blocks import CONDITION_PREFIX
from epitaxy_models.transfer.kinds.features import MaterialFeatures
from epitaxy_models.transfer.kinds.sample import Sample

NICKEL = [f"Ni{100 - share}Al{share}" for share in range(5, 65, 5)]
TEMPERATURES = (25.0, 400.0, 800.0)


class MaterialSource:
    """What the prediction application answers, without it."""

    def __init__(self) -> None:
        self.names: list[str] = []

    async def substrate(self, tenant: str, name: str, version: str) -> str:
        self.names.append(name)
        return MaterialFeatures.shipped(MaterialKind.COMPOSITION).substrate.digest

    async def featurize(self, tenant: str, name: str, version: str, structures: Sequence[bytes]) -> Featurized:
        features = MaterialFeatures.shipped(MaterialKind.COMPOSITION)
        facts, samples = [], []
        for content in structures:
            assert kind_of(content) is MaterialKind.COMPOSITION
            try:
                material = read_material(
                    MaterialKind.COMPOSITION, StructureInput.FromString(content).composition
                ).material
            except InvalidMaterialError as error:
                facts.append(Fact(str(error.reason), error.message))
                continue
            sample = Sample(MaterialKind.COMPOSITION, material)
            samples.append(sample)
            facts.append(
                Fact("", "", material.digest(), material.formula, sample.atomic_numbers.tobytes(), 0.1, "IN_DOMAIN")
            )
        blocks = features.inputs_of(samples).blocks if samples else {}
        base = features.base
        mark = SubstrateMark(
            base.name, base.version, base.digest, {name: block.shape[1] for name, block in blocks.items()}, []
        )
        arrays = {name: block.astype(np.float32) for name, block in blocks.items()}
        return Featurized(mark, facts, arrays, np.zeros((len(samples), 0), dtype=np.float32))


def alloy(name: str, text: str, celsius: float | None, unit: str = "degC", route: str = "cast") -> Candidate:
    given = {"route": ConditionValue(route)} | ({} if celsius is None else {"t": ConditionValue(celsius, unit)})
    return Candidate(name, StructureInput(composition=text).SerializeToString(), conditions=given)


def strength(share: int, celsius: float) -> float:
    """Highest for 25 at. % of aluminium in the cold."""
    return 10 - ((share - 25) / 20) ** 2 - celsius / 200


@pytest.fixture
def alloys(tmp_path: Path):
    made = CampaignRig(tmp_path, source=MaterialSource())
    yield made
    made.close()


def ready(rig: CampaignRig, more: Sequence[Candidate] = ()) -> None:
    pool = [
        alloy(f"{text}@{celsius:g}", text, celsius, route="cast" if celsius < 700 else "forged")
        for text in NICKEL
        for celsius in TEMPERATURES
    ]
    rig.campaigns.create(TENANT, spec(), None, None)
    rig.campaigns.add_candidates(TENANT, "one", [*pool, *more], None, is_last=True)
    rig.prepare()


def truth_of(name: str) -> float:
    text, _, celsius = name.partition("@")
    return strength(int(text.split("Al")[1]), float(celsius))


def test_one_alloy_at_two_temperatures_is_two_candidates_and_copies_are_told(alloys: CampaignRig) -> None:
    more = [
        alloy("same", "Al5Ni95", 298.15, unit="K"),  # another spelling and another unit
        alloy("other", "Ni95Al5", 26.0),
        alloy("forged", "Ni95Al5", 25.0, route="forged"),
        alloy("bare", "Ni95Al5", None),
        alloy("mass", "Ni95Al5", 3.0, unit="GPa"),
        alloy("broken", "Ni95Xx5", 25.0),
        Candidate("chain", StructureInput(polymer="*CC*").SerializeToString()),
    ]
    ready(alloys, more)
    view = alloys.campaigns.get(TENANT, "one")
    assert view.table is not None
    refused = {entry["id"]: (entry["reason"], entry["message"]) for entry in view.table.refused(20)}
    assert {name: reason for name, (reason, _) in refused.items()} == {
        "same": "DUPLICATE_OF_CANDIDATE",
        "mass": "INVALID_CONDITION",
        "broken": "UNKNOWN_ELEMENT",
        "chain": "MIXED_KINDS",
    }
    assert "Ni95Al5@25" in refused["same"][1]
    assert "polymer" in refused["chain"][1]
    assert view.record.pool.n_ready == 39
    assert alloys.source.names == ["substrate-composition"]


def test_the_loop_learns_from_compositions_and_conditions(alloys: CampaignRig) -> None:
    ready(alloys)
    for _ in range(4):
        for ticket in alloys.recommend().tickets:
            alloys.report(answered(ticket.ticket, truth_of(ticket.id)))
    best = max((truth_of(held.reading.id), held.reading.id) for held in alloys.record().measured())
    assert best == (strength(25, 25.0), "Ni75Al25@25")
    ticket = alloys.recommend(n=1).tickets[0]
    assert {name.startswith(CONDITION_PREFIX) for name in ticket.blocks} == {True, False}
    assert max(share for name, share in ticket.blocks.items() if name.startswith(CONDITION_PREFIX)) > 0.01


def test_a_ticket_says_at_which_condition_to_measure(alloys: CampaignRig) -> None:
    ready(alloys)
    alloys.report(*[measured(f"{text}@25", truth_of(f"{text}@25")) for text in NICKEL])
    ticket = alloys.recommend(n=1).tickets[0]
    celsius = float(ticket.id.partition("@")[2])
    assert dict(ticket.conditions) == {
        "t": ConditionValue(celsius, "degC"),
        "route": ConditionValue("cast" if celsius < 700 else "forged"),
    }
    message = batch_message(alloys.record().batches[-1].recommended).batch[0]
    assert (message.conditions["t"].number, message.conditions["t"].unit) == (celsius, "degC")
    # What the log keeps reads back in another process.
    assert alloys.again().record().batches[-1].recommended.tickets[0].conditions == ticket.conditions
    page = Exporting(alloys.campaigns).export(TENANT, "one", is_html=True).decode()
    assert "t 25 degC" in page
    record = json.loads(Exporting(alloys.campaigns).export(TENANT, "one", is_html=False))
    assert record["pending"][0]["conditions"]["t"] == f"{celsius:g} degC"


def test_a_promotion_hands_conditions_over_in_one_unit(alloys: CampaignRig) -> None:
    ready(alloys, [alloy("warm", "Ni95Al5", 573.15, unit="K")])
    names = [f"{text}@800" for text in NICKEL[:10]]
    alloys.report(*[measured(name, truth_of(name)) for name in names], measured("warm", 1.0))

    class Maker:
        def start(self, tenant, order, labels) -> str:
            self.order = (order, labels)
            return "ft-1"

    maker = Maker()
    Promoting(alloys.shelf, maker).promote(TENANT, "one", "", "my-alloys", None)
    request = order_message(*maker.order)
    asked, table = spec_of(request.spec, 60.0), source_of(request)
    assert [(entry.name, entry.unit) for entry in asked.conditions] == [("route", ""), ("t", "degC")]
    values = dict(zip(table.ids, table.conditions["t"].tolist(), strict=True))
    assert values["warm"] == pytest.approx(300.0)
    assert values[names[0]] == 800.0
    assert dict(zip(table.ids, table.conditions["route"], strict=True))["warm"] == "cast"
    assert table.kinds == {MaterialKind.COMPOSITION}
    assert asked.base_model == ""


def test_a_file_holds_compositions_by_element_with_conditions(alloys: CampaignRig) -> None:
    folder = alloys.home / "open" / TENANT
    folder.mkdir(parents=True)
    rows = ["Ni,Al,temperature,route", "Bal.,5,25,cast", "Bal.,10,800,", "Bal.,x,25,cast", ",,25,cast"]
    (folder / "pool.csv").write_text("\n".join(rows))
    file = PoolFile(
        (folder / "pool.csv").as_uri(),
        kind=MaterialKind.COMPOSITION,
        element_columns="Ni,Al:wt",
        conditions=(PoolCondition("temperature", "degC"), PoolCondition("route")),
    )
    alloys.campaigns.create(TENANT, spec(), file, None)
    alloys.prepare()
    pool = alloys.record().pool
    assert pool.refusals == {"INVALID_AMOUNT": 1, "EMPTY_COMPOSITION": 1}
    rows = [alloys.campaigns.get(TENANT, "one").table.row(at) for at in (0, 1)]
    assert [dict(row.conditions) for row in rows] == [
        {"temperature": ConditionValue(25.0, "degC"), "route": ConditionValue("cast")},
        {"temperature": ConditionValue(800.0, "degC")},
    ]


def test_messages_carry_kinds_and_conditions() -> None:
    structure = StructureInput(molecule="CCO")
    structure.conditions["t"].CopyFrom(ConditionMessage(number=25, unit="degC"))
    structure.conditions["route"].CopyFrom(ConditionMessage(category="flux"))
    structure.conditions["unknown"].CopyFrom(ConditionMessage())
    candidate = messages.candidate_of(pb.Candidate(id="a", structure=structure))
    assert candidate.fault is None
    assert dict(candidate.conditions) == {"t": ConditionValue(25.0, "degC"), "route": ConditionValue("flux")}
    salt = messages.sample_of(pb.Result(id="b", structure=StructureInput(molecule="[Na+].[Cl-]")))
    assert salt.given.fault[0] == "SALT"
    structure.conditions["t"].number = np.inf
    assert messages.candidate_of(pb.Candidate(id="a", structure=structure)).fault[0] == "INVALID_CONDITION"
    file = pb.PoolFile(uri="file:///x.csv", structure_column="s", kind="MATERIAL_KIND_POLYMER")
    assert messages.file_of(pb.CreateCampaignRequest(file=file)).kind is MaterialKind.POLYMER


def test_a_crystal_in_a_pool_of_alloys_is_refused_alone(alloys: CampaignRig) -> None:
    ready(alloys, candidates([1]))
    assert alloys.record().pool.refusals == {"MIXED_KINDS": 1}
