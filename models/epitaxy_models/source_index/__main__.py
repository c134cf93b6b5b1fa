"""Command line: ``python -m epitaxy_models.source_index --data mp.parquet --work DIR --model FOLDER --out FILE``."""

import argparse
import logging
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.source_index.corpus import index_of_table
from epitaxy_models.source_index.storage import FILE_NAME, save_source_index

_LOG = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> None:
    """Builds the source index of a model from the data that it was trained on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="Parquet that the model was trained on, with ids")
    parser.add_argument("--work", type=Path, required=True, help="folder of the graph store; made where it is missing")
    parser.add_argument("--model", type=Path, default=shipped_model(), help="folder of the model")
    parser.add_argument("--out", type=Path, help=f"the index; by default {FILE_NAME} in the model's folder")
    parser.add_argument("--processes", type=int, default=1, help="that featurize and search symmetries")
    parser.add_argument("--threads", type=int, default=1, help="that embed")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(options.threads)
    started = time.monotonic()
    index = index_of_table(load_artifact(options.model), options.data, options.work / "graphs", options.processes)
    out = options.out or options.model / FILE_NAME
    save_source_index(index, out)
    size = out.stat().st_size / 1e6
    _LOG.info("%s: %d materials, %.1f MB, %.0f s", out, index.n_materials, size, time.monotonic() - started)


if __name__ == "__main__":
    main()
