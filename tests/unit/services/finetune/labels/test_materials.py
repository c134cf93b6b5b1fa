"""Labels of compositions, molecules and polymers: inline, in a file of the server, and as a job takes them."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from epitaxy.api.common.v1 import structure_pb2
from epitaxy.api.finetune.v1 import finetune_pb2
from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.client import element_columns, polymer_column, smiles_column
from epitaxy.client.finetune.labels import labels_of, read_labels
from epitaxy.finetune import messages
from epitaxy.finetune.domain.job import FineTuneJob, JobState
from epitaxy.finetune.domain.label_table import LabelFile, check_labels
from epitaxy.finetune.labels.readers import read_table
from epitaxy.finetune.work.pipeline import PipelineTransfer
from epitaxy_models.ensembles.artifact import shipped_model
from epitaxy_models.errors import ConfigurationError, InvalidMaterialError
from epitaxy_models.materials import MaterialKind
from epitaxy_models.substrates.shipped import pretrained_folder
from epitaxy_models.testing.substrates import write_later_substrate
from epitaxy_models.transfer.contest.field import Field
from epitaxy_models.transfer.fitted.model import TransferModel
from epitaxy_models.transfer.kinds.sample import Sample
from epitaxy_models.transfer.strategies.descriptor_forest import DescriptorForest
from epitaxy_models.transfer.strategies.median import PoolMedian
from epitaxy_models.transfer.strategies.ridge import EmbeddingRidge

FRAME = pd.DataFrame(
    {
        "id": [f"p{n}" for n in range(12)],
        "unit": ["*CCO*", "*COC*", "CC"] + [f"*C{'C' * n}O*" for n in range(9)],
        "Fe": ["Bal."] * 12,
        "Ni": [float(n + 1) for n in range(12)],
        "tg_k": [200.0 + n for n in range(12)],
    }
)
LONGER = pd.DataFrame(
    [
        {"id": f"{end}{n}", "unit": f"*{'C' * n}{end}*", "tg_k": 200.0 + 6 * n + 10 * (end == "S")}
        for n in range(1, 13)
        for end in ("O", "S")
    ]
)


def spec(name: str = "tg_k") -> finetune_pb2.FineTuneSpec:
    return finetune_pb2.FineTuneSpec(
        model_name="glass", property_name="tg", unit="K", target=finetune_pb2.LabelColumn(name=name)
    )


def sent(data, column):
    """What a client sends, as the server takes it apart."""
    inline = read_labels(data, ["tg_k"], column).to_proto()
    request = finetune_pb2.CreateFineTuneJobRequest.FromString(
        finetune_pb2.CreateFineTuneJobRequest(spec=spec(), inline=inline).SerializeToString()
    )
    return messages.source_of(request), messages.spec_of(request.spec, 60.0)


def test_inline_polymers_reach_a_job_as_samples(tmp_path):
    table, asked = sent(FRAME, polymer_column("unit"))
    assert table.kinds == {MaterialKind.POLYMER}
    check_labels(table, asked)
    read = [outcome for _, outcome in table.read_materials()]
    assert read[0].material.key == read[1].material.key == "*CCO*"
    assert isinstance(read[2], InvalidMaterialError)
    request = PipelineTransfer({})._request(asked, table, tmp_path / "out")
    assert [isinstance(row, Sample) for _, row in request.rows] == [True, True, False] + [True] * 9
    assert request.rows[2][1].reason == "WILDCARD_COUNT"


def job_on(asked, table) -> FineTuneJob:
    return FineTuneJob("ft-0", "acme", asked, datetime.now(UTC), table.n_rows, table.n_rows)


def test_a_job_on_polymers_stands_on_their_substrate(tmp_path):
    table, asked = sent(LONGER, polymer_column("unit"))
    transfer = PipelineTransfer({}, Field((EmbeddingRidge(), DescriptorForest(n_trees=20), PoolMedian())))
    stages = []
    result = transfer(job_on(asked, table), table, tmp_path, lambda stage, _: stages.append(stage), lambda: False)
    assert set(result.cross_validated_mae) == {"embedding_ridge", "descriptor_forest", "pool_median", "stack"}
    # One chain is longer than the other: whatever was pretrained, more than the median is known.
    assert min(result.cross_validated_mae.values()) < 0.7 * result.cross_validated_mae["pool_median"]
    assert b"substrate-molecule" in result.report_html
    assert "pretraining" in result.sentence
    card = TransferModel.load(result.folder).card
    assert (card.base.name, card.training["kind"]) == ("substrate-molecule", "polymer")
    assert JobState.TRAINING in stages


def test_a_substrate_of_crystals_is_refused_for_polymers(tmp_path):
    table, asked = sent(LONGER, polymer_column("unit"))
    transfer = PipelineTransfer({"own": shipped_model(), "alloys": pretrained_folder("substrate-composition")})
    for name, reason in (("own", "CRYSTALS_ONLY"), ("alloys", "WRONG_SUBSTRATE")):
        with pytest.raises(ConfigurationError, match="leave base_model empty") as caught:
            transfer(job_on(replace(asked, base_model=name), table), table, tmp_path, print, lambda: False)
        assert caught.value.reason == reason


def test_a_job_stands_on_the_substrate_of_its_kind_that_it_names(tmp_path):
    later = write_later_substrate(tmp_path / "later", "9", pretrained_folder("substrate-molecule"))
    own = PipelineTransfer({"own": later})._features(MaterialKind.POLYMER, "own")
    set_by_operator = PipelineTransfer({}, material_folders={"substrate-molecule": later})
    assert own.base == set_by_operator._features(MaterialKind.MOLECULE, "").base
    assert own.base.version == "9"
    assert PipelineTransfer({})._features(MaterialKind.MOLECULE, "").base.digest != own.base.digest


def test_columns_of_elements_travel_as_one_text():
    table, _ = sent(FRAME, element_columns("Fe,Ni:wt"))
    assert table.kinds == {MaterialKind.COMPOSITION}
    (_, first), *_ = table.read_materials()
    assert first.material.atomic_numbers == (26, 28)


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_a_file_of_the_server_is_read_by_kind(tmp_path, ending):
    path = tmp_path / f"labels.{ending}"
    if ending == "csv":
        FRAME.to_csv(path, index=False)
    elif ending == "parquet":
        FRAME.to_parquet(path)
    else:
        FRAME.to_json(path, orient="records", lines=True)
    file = LabelFile(path.as_uri(), "unit", "id", kind=MaterialKind.POLYMER)
    table = read_table(path.read_bytes(), file, ["tg_k"], 100)
    assert (table.kinds, table.ids[0]) == ({MaterialKind.POLYMER}, "p0")
    alloys = LabelFile(path.as_uri(), "Fe", "id", kind=MaterialKind.COMPOSITION, element_columns="Fe,Ni:wt")
    table = read_table(path.read_bytes(), alloys, ["tg_k"], 100)
    assert table.cells[0].text == "Fe:bal, Ni:1 wt%"


def test_an_amount_that_is_no_number_is_named_by_its_row(tmp_path):
    content = b"id,Fe,Ni,tg_k\na,Bal.,18,1\nb,Bal.,much,2\n"
    file = LabelFile("file:///x.csv", "Fe", "id", kind=MaterialKind.COMPOSITION, element_columns="Fe,Ni:wt")
    with pytest.raises(InvalidRequestError, match=r"line 3 \(b\): Ni holds"):
        read_table(content, file, ["tg_k"], 100)


def test_an_address_goes_with_its_kind():
    file = labels_of("s3://bucket/x.csv", ["tg_k"], smiles_column("SMILES"), None, skip_refused=False)
    assert (file.structure_column, file.kind) == ("SMILES", structure_pb2.MATERIAL_KIND_MOLECULE)
    file = labels_of("s3://bucket/x.csv", ["tg_k"], element_columns("Fe,Ni"), None, skip_refused=False)
    assert file.element_columns == "Fe,Ni:at"


def test_one_job_learns_from_one_kind():
    table, asked = sent(FRAME, polymer_column("unit"))
    crystals = type(table)(table.ids, [*table.cells[:-1], np.nan], table.values)
    with pytest.raises(InvalidRequestError, match="one kind of material"):
        check_labels(crystals, asked)
