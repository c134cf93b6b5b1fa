"""Writes a version's run in MLflow; imports MLflow at its first use, as the registry does."""

import json
import math
import time
from typing import Any

from epitaxy.registry.run_record import DataRecord, RunRecord

_DIGEST_CHARACTERS = 36  # MLflow's limit for the digest of a data set
_PARAM_CHARACTERS = 6000


def write_record(client: Any, run_id: str, record: RunRecord) -> None:
    """Logs parameters, metrics, tags and the data set of a run."""
    from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415  # a second that only users of the registry pay

    now = int(time.time() * 1000)
    params = [Param(name, value[:_PARAM_CHARACTERS]) for name, value in record.params.items()]
    metrics = [Metric(name, value, now, 0) for name, value in record.metrics.items() if math.isfinite(value)]
    tags = [RunTag(name, value) for name, value in record.tags.items()]
    client.log_batch(run_id, metrics=metrics, params=params, tags=tags)
    if record.data is not None:
        client.log_inputs(run_id, [_data_set(record.data)])


def _data_set(data: DataRecord) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag  # noqa: PLC0415  # as above

    digest = data.digest.removeprefix("sha256:")[:_DIGEST_CHARACTERS]
    source = json.dumps({"labels": data.digest})
    schema = json.dumps({"columns": [{"name": name, "unit": unit} for name, unit in data.columns.items()]})
    profile = json.dumps({"num_rows": data.n_rows})
    dataset = Dataset(data.name, digest, "epitaxy labels", source, schema=schema, profile=profile)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])
