"""From labels to a served prediction: ``python -m loadtest.first_prediction --parquet FILE --column C --unit U``.

Against a running server (``--target``; make serve): creates a fine-tune job, waits for it, promotes its model, and asks
it about other rows. Prints the seconds of every step as JSON. Networks compete only where ``--networks`` is given.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd

from epitaxy.client import Client

_FROZEN = (
    *("block_gp", "gated_process", "substrate_line", "substrate_head", "embedding_ridge"),
    *("descriptor_forest", "full_forest", "pool_median", "stack"),
)
_N_ASKED = 64


def measure(
    client: Client, labels: pd.DataFrame, column: str, unit: str, strategies: tuple[str, ...]
) -> dict[str, Any]:
    """Seconds of every step of one story, and how well its end predicts."""
    train, asked = labels.iloc[:-_N_ASKED], labels.iloc[-_N_ASKED:]
    start = time.perf_counter()
    marks: dict[str, float] = {}

    def mark(step: str) -> None:
        marks[step] = round(time.perf_counter() - start - sum(marks.values()), 2)

    name = f"bench-{uuid4().hex[:8]}"
    job = client.finetune(train, column=column, unit=unit, name=name, strategies=strategies)
    mark("create")
    result = job.wait(600)
    mark("job")
    served_as = job.promote().served_as
    mark("promote")
    structures = [json.loads(text) for text in asked["structure"]]
    first = client.predict(structures[:1], model=served_as)
    mark("first_prediction")
    total = round(sum(marks.values()), 2)
    values = [answer.predictions[0].value for answer in client.predict(structures, model=served_as)]
    mark(f"next_{_N_ASKED}")
    return {
        "n_labels": len(train),
        "seconds": marks,
        "create_to_served_prediction_seconds": total,
        "verdict": str(result.verdict),
        "strategy": result.strategy,
        "cross_validated_mae": dict(result.cross_validated_mae),
        "mae_of_the_next": float(np.abs(np.array(values) - asked[column].to_numpy()).mean()),
        "first": str(first[0]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", default="127.0.0.1:50051")
    parser.add_argument("--parquet", type=Path, required=True)
    parser.add_argument("--column", required=True)
    parser.add_argument("--unit", required=True)
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--networks", action="store_true", help="networks compete too: minutes")
    options = parser.parse_args()
    table = pd.read_parquet(options.parquet).dropna(subset=[options.column])
    # Rows of one formula share an answer: the rows asked about have none of the labels' formulas.
    table = table.drop_duplicates("formula").sample(options.labels + _N_ASKED, random_state=0)
    strategies = () if options.networks else _FROZEN
    with Client(options.target) as client:
        for _ in range(options.repeats):
            print(json.dumps(measure(client, table, options.column, options.unit, strategies), indent=1), flush=True)


if __name__ == "__main__":
    main()
