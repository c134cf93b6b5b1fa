"""What a campaign shows: its message, its record, its page, and the labels of its model."""

import json

import pytest
from campaign_rig import TENANT, CampaignRig, answered, crystal, measured, truth

from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.campaigns.answers import batch_message, campaign_message, event_message
from epitaxy.campaigns.domain.events import ResultStatus
from epitaxy.campaigns.domain.reporting import GivenResult
from epitaxy.campaigns.exporting import Exporting
from epitaxy.campaigns.model_maker import order_message
from epitaxy.campaigns.pool.cells import packed_form
from epitaxy.campaigns.ports import RequestKey
from epitaxy.campaigns.promoting import Label, ModelOrder, Promoting
from epitaxy.campaigns.reporting import Correction, Sample
from epitaxy.chassis.errors import FailedPreconditionError, InvalidRequestError
from epitaxy.finetune.domain.label_table import check_labels
from epitaxy.finetune.messages import source_of, spec_of
from epitaxy_models.structures import Structure


class Maker:
    def __init__(self) -> None:
        self.orders: list[tuple[ModelOrder, list[Label]]] = []

    def start(self, tenant: str, order: ModelOrder, labels: list[Label]) -> str:
        self.orders.append((order, list(labels)))
        return f"ft-{len(self.orders)}"


def loop(rig: CampaignRig) -> None:
    rig.ready()
    first = rig.recommend(n=12).tickets
    rig.report(*[answered(ticket.ticket, truth(int(ticket.id[1:]))) for ticket in first[1:]])
    rig.report(Sample(GivenResult(ticket=first[0].ticket, status=ResultStatus.FAILED)))
    rig.reporting.correct(TENANT, "one", [Correction(first[1].ticket, "", "", "wrong sample")], None)
    second = rig.recommend().tickets
    rig.report(*[answered(ticket.ticket, truth(int(ticket.id[1:]))) for ticket in second[:3]])


def test_the_record_tells_the_whole_story(rig: CampaignRig) -> None:
    loop(rig)
    exporting = Exporting(rig.campaigns)
    record = json.loads(exporting.export(TENANT, "one", is_html=False))
    assert (record["format"], record["name"], record["state"]) == (1, "one", "ACTIVE")
    assert record["spec"]["objectives"][0] | {"property": "gap", "goal": "MAXIMIZE"} == record["spec"]["objectives"][0]
    statuses = [entry["status"] for entry in record["results"]]
    assert (statuses.count("MEASURED"), statuses.count("FAILED")) == (14, 1)
    retracted = [entry for entry in record["results"] if entry["is_retracted"]]
    assert [entry["correction"] for entry in retracted] == ["wrong sample"]
    last = record["results"][-1]
    assert last["batch"] == 2
    assert last["predictions"]["gap"]["lower"] < last["predictions"]["gap"]["upper"]
    assert len(record["pending"]) == 1
    assert [batch["n_labels"] for batch in record["batches"]] == [0, 10]
    assert record["batches"][1]["n_predicted"] == 3
    assert record["batches"][1]["gain"] is not None
    curve = [entry["mean"] for entry in record["random"]]
    assert curve == sorted(curve)
    assert len(curve) == 13
    assert len(record["map"]["background"]) == 100
    assert {point["id"] for point in record["map"]["points"]} >= {entry["id"] for entry in record["pending"]}
    assert [entry["kind"] for entry in record["events"]][-4:] == ["reported", "corrected", "recommended", "reported"]
    assert b"<html" in exporting.export(TENANT, "one", is_html=True)[:200].lower()


def test_the_message_has_what_the_log_says(rig: CampaignRig) -> None:
    loop(rig)
    view = rig.campaigns.get(TENANT, "one")
    message = campaign_message(view)
    assert (message.n_results, message.n_failed, message.n_pending, message.n_batches) == (13, 1, 1, 2)
    assert (message.pool.n_candidates, message.pool.n_open, message.spent) == (100, 85, 15)
    assert message.outlook.n_predicted == 3
    assert message.outlook.mean_absolute_error["gap"] >= 0
    assert message.best[0].values["gap"] == pytest.approx(message.best[0].measured["gap"], abs=1)
    batch = batch_message(rig.record().batches[-1].recommended)
    one = batch.batch[0]
    assert one.predictions[0].unit == "eV"
    assert sum(one.blocks.values()) == pytest.approx(1, abs=1e-6)
    assert one.nearest[0].values["gap"] == pytest.approx(truth(int(one.nearest[0].id[1:])))
    lines = [event_message(event).message for event in rig.log.events(view.key.id)]
    assert lines[0] == "campaign one was created"
    assert "batch 2: 4 candidates recommended to robot" in lines
    assert all(lines)


def test_a_promotion_hands_over_one_label_a_crystal_and_repeats(rig: CampaignRig) -> None:
    maker = Maker()
    promoting = Promoting(rig.shelf, maker)
    rig.ready()
    with pytest.raises(FailedPreconditionError, match="needs at least 10"):
        promoting.promote(TENANT, "one", "", "", None)
    rig.report(*[measured(f"c{at}", float(at)) for at in range(10)])
    rig.report(measured("c1", 3.0, measurement_id="again"))
    key = RequestKey("r1", "d")
    promoted = promoting.promote(TENANT, "one", "", "my-model", key)
    assert promoting.promote(TENANT, "one", "", "my-model", key) == promoted
    assert (promoted.job_id, promoted.model_name) == ("ft-1", "my-model")
    ((order, labels),) = maker.orders
    assert (order.property, order.unit) == ("gap", "eV")
    assert {label.id: label.value for label in labels} == {f"c{at}": float(at) for at in range(10)} | {"c1": 2.0}
    assert all(label.structure for label in labels)
    with pytest.raises(InvalidRequestError, match="does not measure"):
        promoting.promote(TENANT, "one", "hardness", "", None)


def test_the_fine_tune_service_takes_the_order() -> None:
    names = ["c1", "c2", *(f"c{at}" for at in range(3, 13))]
    text = StructureInput(cif="data_x", id="").SerializeToString()
    labels = [Label(name, packed_form(crystal(at)), float(at), {}) for at, name in enumerate(names)]
    labels[3] = Label("c4", text, 3.0, {})
    order = ModelOrder("one", "band_gap_hse_eV", "eV", 7, "", "campaign-1-r1")
    request = order_message(order, labels)
    spec, table = spec_of(request.spec, 60.0), source_of(request)
    check_labels(table, spec)
    assert (request.request_id, spec.seed, spec.unit) == ("campaign-1-r1", 7, "eV")
    assert table.ids == names
    assert table.values[spec.target.name].tolist() == [label.value for label in labels]
    readable = [isinstance(structure, Structure) for _, structure in table.read_structures()]
    assert readable == [at != 3 for at in range(12)]
