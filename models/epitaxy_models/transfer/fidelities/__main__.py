"""Command line: ``python -m epitaxy_models.transfer.fidelities --data mp_multifidelity_gap.parquet --model FOLDER``."""

import argparse
import hashlib
import logging
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from epitaxy_models.ensembles.artifact import ModelArtifact, load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.ensembles.fidelity_files import RECORD, save_fidelity_heads
from epitaxy_models.heads.fidelity_heads import N_FOLDS, FidelityHeads, folds_of, head_rows
from epitaxy_models.heads.property import Fidelity
from epitaxy_models.structures import structure_from_column
from epitaxy_models.training.split import parts_of
from epitaxy_models.transfer.features import SubstrateFeatures
from epitaxy_models.transfer.fidelities.fit_heads import HeadRows, check_labels, errors_of, fit_head
from epitaxy_models.transfer.inputs import EMBEDDING, SUBSTRATE, TransferInputs

_LOG = logging.getLogger(__name__)
# Columns of the table, the best known level first. Experiments belong to tenants.
_COLUMNS = {
    "band_gap_hse_eV": Fidelity.HSE06,
    "band_gap_gllbsc_eV": Fidelity.GLLB_SC,
    "band_gap_scan_eV": Fidelity.SCAN,
}
_UNIT = "eV"


def main(arguments: Sequence[str] | None = None) -> None:
    """Fits the heads of further fidelities and writes them beside the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help=f"Parquet with structure, {', '.join(_COLUMNS)}")
    parser.add_argument("--model", type=Path, default=shipped_model(), help="folder of the model")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    started = time.monotonic()
    heads = heads_of_table(load_artifact(options.model), options.data)
    save_fidelity_heads(heads, options.model)
    for name, errors in heads.record["errors"].items():
        _LOG.info(
            "%s: %s", name, ", ".join(f"{part} {one['mae']:.3f} ({one['n_rows']})" for part, one in errors.items())
        )
    _LOG.info("%s: %.0f s", options.model / RECORD, time.monotonic() - started)


def heads_of_table(artifact: ModelArtifact, path: Path) -> FidelityHeads:
    """Heads of the model, fitted on a table. Raises ValueError if a column cannot be learned."""
    table = pd.read_parquet(path, columns=["structure", *_COLUMNS])
    labels = table[list(_COLUMNS)].to_numpy(dtype=np.float64)
    check_labels(list(_COLUMNS), labels)
    structures = [structure_from_column(text) for text in table["structure"]]
    inputs = SubstrateFeatures(artifact).inputs_of(structures, Embedder(artifact))
    return fit_heads(artifact, inputs, labels, _digest(path))


def fit_heads(
    artifact: ModelArtifact, inputs: TransferInputs, labels: NDArray[np.float64], data_digest: str
) -> FidelityHeads:
    """Heads of the model with errors on formulas that each has not seen; ``labels`` ``[n_rows, n_fidelities]``."""
    embedding, predictions = inputs.blocks[EMBEDDING], inputs.blocks[SUBSTRATE]
    raw, folds = head_rows(embedding, predictions), folds_of(inputs.formulas)
    rows = HeadRows.of(raw, embedding.shape[1])
    heads = tuple(
        fit_head(fidelity, _UNIT, rows, column, folds)
        for fidelity, column in zip(_COLUMNS.values(), labels.T, strict=True)
    )
    is_new = parts_of(inputs.formulas) != "train"
    errors = {}
    for head, column in zip(heads, labels.T, strict=True):
        marks = {"zeros": column == 0, "above zero": column > 0, "formulas outside the substrate's training": is_new}
        errors[str(head.fidelity)] = errors_of(head.estimate(raw, folds)[:, 0], column, marks)
    record = {
        "data": data_digest,
        "unit": _UNIT,
        "n_folds": N_FOLDS,
        "split": "cross-fitted by the hash of the reduced formula; errors are of the fold that is left out",
        "errors": errors,
    }
    return FidelityHeads(heads, artifact.weights_digest, record)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


if __name__ == "__main__":
    main()
