"""Labels that are 0 or 1, from a table to a judged model that answers with a probability."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from epitaxy.api.finetune.v1 import finetune_pb2
from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.cli.finetune.text import job_document, mae_text
from epitaxy.client import composition_column, polymer_column, smiles_column
from epitaxy.client.errors import InvalidRequestError as ClientError
from epitaxy.client.finetune.columns import FineTuneRequest, LabelColumn
from epitaxy.client.finetune.comparison import compare_reports
from epitaxy.client.finetune.labels import read_labels
from epitaxy.client.finetune.reading import read_status
from epitaxy.database.documents import Documents
from epitaxy.finetune import messages
from epitaxy.finetune.domain.challenge import challenge
from epitaxy.finetune.domain.job import FineTuneJob, JobState, Result, Verdict
from epitaxy.finetune.domain.label_table import LabelFile, check_labels
from epitaxy.finetune.domain.spec import LearningTask
from epitaxy.finetune.labels.readers import read_table
from epitaxy.finetune.work.pipeline import PipelineTransfer
from epitaxy.finetune.work.run_record import record_of
from epitaxy.tables.classes import is_boolean, read_classes
from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.materials import MaterialKind
from epitaxy_models.materials.reading import read_material
from epitaxy_models.structures.elements import symbol_of
from epitaxy_models.structures.structure import Structure
from epitaxy_models.transfer.classes.quality import quality_of
from epitaxy_models.transfer.contest.field import Field
from epitaxy_models.transfer.fitted.model import TransferModel
from epitaxy_models.transfer.kinds.features import MaterialFeatures
from epitaxy_models.transfer.kinds.sample import Sample
from epitaxy_models.transfer.strategies.descriptor_forest import DescriptorForest
from epitaxy_models.transfer.strategies.median import PoolMedian
from epitaxy_models.transfer.strategies.ridge import EmbeddingRidge
from epitaxy_models.transfer.strategies.substrate_head import SubstrateHead

QUICK = Field((EmbeddingRidge(), DescriptorForest(n_trees=20), SubstrateHead(), PoolMedian()))
METALS, OTHERS = ("Fe", "Co", "Ni", "Cu", "Cr", "V"), ("O", "S", "Cl", "F")
ALLOYS = [f"{a}{n}{b}" for a in METALS for b in METALS if a < b for n in (1, 3)]
SALTS = [f"{a}{b}{n}" for a in METALS for b in OTHERS for n in (1, 2)]


def frame(materials, labels) -> pd.DataFrame:
    return pd.DataFrame({"id": [f"m{n}" for n in range(len(materials))], "text": materials, "is_metal": labels})


FORMULAS = frame([*ALLOYS[:15], *SALTS[:15]], [True] * 15 + [False] * 15)
HALOGENS = {9, 17, 35, 53}
ENDS = ("O", "S", "CC(=O)N")
CHAINS = frame([f"*{'C' * n}{end}*" for n in range(1, 9) for end in ENDS], [n > 4 for n in range(1, 9) for _ in ENDS])
CHLORIDES = frame([f"{'C' * n}{end}" for n in range(1, 9) for end in ("O", "N", "Cl")], 8 * ["no", "no", "yes"])


def asked_for(task: str = "auto", unit: str = "", **more) -> FineTuneRequest:
    return FineTuneRequest("metals", LabelColumn("is_metal"), unit, task=task, **more)


def sent(data, column, asked: FineTuneRequest):
    """What a client sends, as the server takes it apart and completes it."""
    labels = read_labels(data, asked.columns, column, with_bounds=True, task=asked.task)
    spec = asked.resolved(labels.task).to_proto()
    request = finetune_pb2.CreateFineTuneJobRequest(spec=spec, inline=labels.to_proto())
    request = finetune_pb2.CreateFineTuneJobRequest.FromString(request.SerializeToString())
    table = messages.source_of(request)
    spec = messages.spec_of(request.spec, 60.0).resolved(is_boolean=table.is_boolean)
    check_labels(table, spec)
    return table, spec


def run(table, spec, folder):
    job = FineTuneJob("ft-0", "acme", spec, datetime.now(UTC), table.n_rows, table.n_rows)
    return job, PipelineTransfer({}, QUICK)(job, table, folder, lambda *_: None, lambda: False)


@pytest.mark.parametrize(
    ("cells", "tells", "values"),
    [
        ([True, None, np.False_], True, [1, np.nan, 0]),
        (["yes", "", "No"], True, [1, np.nan, 0]),
        (["TRUE", "n/a", "false"], True, [1, np.nan, 0]),
        ([1, 0.0, "1", "0.0"], False, [1, 0, 1, 0]),
        (["t", "f"], False, [1, 0]),
        ([None, ""], False, [np.nan, np.nan]),
    ],
)
def test_truth_values_are_told_from_numbers(cells, tells, values):
    assert is_boolean(cells) is tells
    assert read_classes(cells).values == pytest.approx(values, nan_ok=True)
    assert not read_classes(cells).bad


def test_what_is_no_class_is_named():
    assert [row for row, _ in read_classes([0, 2, "glass", 0.5, 1]).bad] == [1, 2, 3]
    data = FORMULAS.assign(is_metal=[1, 0, 1, "maybe"] + [1, 0] * 13)
    with pytest.raises(ClientError, match=r"row 3 \(m3\): is_metal holds 'maybe', which is no class") as caught:
        read_labels(data, ["is_metal"], composition_column("text"), task="classification")
    assert caught.value.reason == "NOT_A_CLASS"


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_a_boolean_column_of_a_file_tells_by_itself(tmp_path, ending):
    path = tmp_path / f"labels.{ending}"
    write = {
        "csv": lambda: FORMULAS.to_csv(path, index=False),
        "parquet": lambda: FORMULAS.to_parquet(path),
        "jsonl": lambda: FORMULAS.to_json(path, orient="records", lines=True),
    }
    write[ending]()
    client = read_labels(str(path), ["is_metal"], composition_column("text"), with_bounds=True, task="auto")
    assert (client.task, client.values["is_metal"].sum()) == ("classification", 15)
    file = LabelFile(path.as_uri(), "text", "id", kind=MaterialKind.COMPOSITION)
    table = read_table(path.read_bytes(), file, ["is_metal"], 100)
    assert (table.is_boolean, table.values["is_metal"].sum()) == (True, 15)
    spec = messages.spec_of(asked_for().to_proto(), 60.0)
    assert spec.task is LearningTask.AUTO
    assert spec.resolved(is_boolean=True).are_classes
    assert spec.resolved(is_boolean=True).unit == "1"
    with pytest.raises(InvalidRequestError, match="name the unit"):
        spec.resolved(is_boolean=False)


def test_numbers_need_the_task_and_hint_at_it(caplog):
    data = FORMULAS.assign(is_metal=FORMULAS["is_metal"].astype(int))
    labels = read_labels(data, ["is_metal"], composition_column("text"), with_bounds=True, task="auto")
    assert labels.task == "regression"
    assert "--task classification" in caplog.text
    with pytest.raises(ClientError, match="no unit is given"):
        asked_for().resolved(labels.task)
    _, spec = sent(data, composition_column("text"), asked_for("classification"))
    assert (spec.task, spec.unit) == (LearningTask.CLASSIFICATION, "1")


@pytest.mark.parametrize(
    ("odd", "match"),
    [
        ({"unit": "K"}, "unit"),
        ({"transform": "log10"}, "transform"),
        ({"laws": ("bounded:0:1",)}, "laws"),
        ({"low_fidelity": (LabelColumn("pbe"),)}, "cheaper"),
    ],
)
def test_what_a_probability_cannot_have_is_refused_by_client_and_server(odd, match):
    with pytest.raises(ClientError, match=match) as caught:
        asked_for("classification", **odd)
    assert caught.value.reason == "NOT_FOR_CLASSES"
    message = asked_for("auto", **odd).to_proto()
    message.task = finetune_pb2.LEARNING_TASK_CLASSIFICATION
    with pytest.raises(InvalidRequestError, match=r"0 or 1|state no class"):
        messages.spec_of(message, 60.0)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([1.0] * 30, "ONE_CLASS"),
        ([1.0] * 28 + [0.0] * 2, "TOO_FEW_OF_A_CLASS"),
        ([1.0, 0.0] * 14 + [0.3, 1.0], "NOT_A_CLASS"),
    ],
)
def test_labels_that_make_no_classifier_are_refused_at_once(labels, reason):
    table, spec = sent(FORMULAS, composition_column("text"), asked_for())
    with pytest.raises(InvalidRequestError) as caught:
        check_labels(replace(table, values={"is_metal": np.array(labels)}), spec)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("data", "column"),
    [
        (FORMULAS, composition_column("text")),
        (CHAINS, polymer_column("text")),
        (CHLORIDES, smiles_column("text")),
        (None, "structure"),
    ],
    ids=["compositions", "polymers", "molecules", "crystals"],
)
def test_a_job_makes_a_model_that_answers_with_a_probability(tmp_path, data, column):
    if data is None:
        crystals = [crystal.structure for crystal in bundled_crystals()[:60]]
        data = [
            {"structure": _cell(one), "is_metal": bool(HALOGENS & set(one.atomic_numbers.tolist()))} for one in crystals
        ]
    table, spec = sent(data, column, asked_for())
    job, result = run(table, spec, tmp_path)
    # The head states a number of its own kind; the share of ones is what has to be beaten.
    assert set(result.cross_validated_mae) == {"embedding_ridge", "descriptor_forest", "pool_median", "stack"}
    quality = result.classification
    assert quality.auc > 0.8
    assert quality.brier < quality.constant_brier
    assert result.cross_validated_mae[result.strategy] == pytest.approx(quality.brier, abs=0.03)
    assert quality.auc_by_strategy["pool_median"] == 0.5
    assert "Brier score" in result.sentence
    assert "mean absolute error" not in result.sentence
    assert b"Probabilities, out of fold" in result.report_html
    assert b"MAE" not in result.report_html
    report = json.loads(result.report_json)
    assert report["classes"]["auc"] == quality.auc
    assert all(0 < row["lower"] <= row["predicted"] <= row["upper"] < 1 for row in report["parity"])
    assert set(record_of(job, result).metrics) >= {"auc", "brier", "brier.stack", "calibration_error"}
    model = TransferModel.load(result.folder)
    assert model.card.link is not None
    assert (model.card.definition.lower_bound, model.card.definition.upper_bound) == (0.0, 1.0)
    if data is FORMULAS:
        _check_answers(model)


def _cell(structure: Structure) -> str:
    """A crystal as a client's table has it."""
    species = [symbol_of(number) for number in structure.atomic_numbers.tolist()]
    record = {"lattice": structure.lattice.tolist(), "species": species, "frac": structure.frac_coords.tolist()}
    return json.dumps(record)


def _check_answers(model: TransferModel) -> None:
    kind = MaterialKind.COMPOSITION
    samples = [Sample(kind, read_material(kind, text).material) for text in ("FeNi", "CoCr", "NiO", "CuCl2")]
    inputs = MaterialFeatures.shipped(kind).inputs_of(samples)
    found = model.predict(inputs, 0.9, judged_at=0.5)
    values = found.values[:, 0]
    assert values[:2].min() > 0.6
    assert values[2:].max() < 0.4
    narrow = model.predict(inputs, 0.5)
    assert (found.lower < narrow.lower).all()
    assert (narrow.upper < found.upper).all()
    assert ((found.lower > 0) & (found.upper < 1)).all()
    assert found.judged_widths == pytest.approx(narrow.upper - narrow.lower)
    # The variance of an outcome is that of a coin: what members tell of it, and what nobody can.
    assert found.stds**2 == pytest.approx(found.values * (1 - found.values))
    # What explanations take apart is the probability, and what each member would say of it.
    value, by_member = model.answers(inputs)
    assert value == pytest.approx(values)
    assert ((by_member > 0) & (by_member < 1)).all()
    assert found.epistemic_std**2 + found.aleatoric_std**2 == pytest.approx(found.stds**2)


def test_what_probabilities_are_worth_reaches_the_client():
    labels, given = np.array([0.0, 1.0] * 20), np.linspace(0.3, 0.6, 40)
    quality = quality_of(given, labels, {"stack": 0.6, "pool_median": 0.5})
    scores = {"stack": 0.2, "pool_median": 0.25}
    result = Result("3", "sha256:00", Verdict.HELPS, "stack", {}, True, "It helps.", False, (), None, scores, quality)
    spec = messages.spec_of(asked_for("classification").to_proto(), 60.0)
    job = FineTuneJob("ft-0", "acme", spec, datetime.now(UTC), 40, 40, JobState.SUCCEEDED, result=result)
    # Stored and read again, as by a service that was restarted; a job of before classes reads as one of numbers.
    documents = Documents(FineTuneJob)
    text = documents.write(job)
    assert documents.read(text) == job
    old = json.loads(text)
    del old["spec"]["task"], old["result"]["classification"], old["result"]["cross_validated_brier"]
    assert documents.read(json.dumps(old)).spec.task is LearningTask.REGRESSION
    message = finetune_pb2.FineTuneJob.FromString(messages.job_message(job).SerializeToString())
    status = read_status(message)
    found = job_document(status)
    assert (found["task"], found["cross_validated_mae"]) == ("classification", {})
    told = found["classification"]
    assert told["cross_validated_brier"] == scores
    assert (told["auc"], told["n_ones"], told["n_zeros"]) == (quality.auc, 20, 20)
    assert [one["share"] for one in told["reliability"]] == [one.share for one in quality.reliability]
    assert (mae_text(status.result), found["best_simple"]["error"]) == ("0.2", 0.25)
    assert "Brier score" in status.result._repr_html_()


def test_a_challenger_is_held_against_a_champion_by_a_proper_score():
    def report(probabilities, **more):
        rows = [
            {"row_id": str(n), "formula": f"X{n}", "label": n % 2, "predicted": p} for n, p in enumerate(probabilities)
        ]
        return json.dumps({"subject": {"name": "glass", "unit": "1"}, "parity": rows, **more}).encode()

    calm, bold = [0.5] * 20, [0.95 if n % 4 != 1 else 0.05 for n in range(20)]
    found = challenge(report(bold, classes={}), report(calm, classes={}))
    brier = np.mean([(p - n % 2) ** 2 for n, p in enumerate(bold)])
    assert (found.error, found.champion_error) == pytest.approx((brier, 0.25))
    assert challenge(report(bold, classes={}), report(calm)) is None
    compared = compare_reports(*(json.loads(report(one, classes={})) for one in (bold, calm)))
    assert (compared.score, compared.mae_first, compared.mae_second) == ("brier", pytest.approx(brier), 0.25)
    with pytest.raises(ClientError, match="probabilities"):
        compare_reports(json.loads(report(bold, classes={})), json.loads(report(calm)))
