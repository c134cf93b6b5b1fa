import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.ensembles.fidelity_files import RECORD, WEIGHTS, load_fidelity_heads, save_fidelity_heads
from epitaxy_models.errors import CheckpointError
from epitaxy_models.heads.fidelity_heads import N_FOLDS, FidelityHead, FidelityHeads, folds_of, head_rows
from epitaxy_models.heads.property import Fidelity
from epitaxy_models.transfer.fidelities.fit_heads import HeadRows, fit_head

_DIGEST = "sha256:" + "0" * 64
_FORMULAS = [f"A{number}" for number in range(400)]


def _data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Embeddings, predictions and labels: a gap that is 0 for half of the rows, and linear in what is read."""
    rng = np.random.default_rng(0)
    embeddings, predictions = rng.normal(size=(400, 2, 6)), rng.normal(size=(400, 2))
    latent = 2 * embeddings[:, 0, 0] + embeddings[:, 1, 3] + predictions[:, 0]
    return embeddings, predictions, np.where(latent > 0, 1.5 + latent, 0.0)


def _fitted(labels: np.ndarray) -> FidelityHeads:
    embeddings, predictions, _ = _data()
    rows = HeadRows.of(head_rows(embeddings, predictions), 12)
    head = fit_head(Fidelity.HSE06, "eV", rows, labels, folds_of(_FORMULAS))
    return FidelityHeads((head,), _DIGEST, {"errors": {}})


def test_a_head_learns_values_and_which_are_zero() -> None:
    embeddings, predictions, labels = _data()
    found = _fitted(labels).estimate(_FORMULAS, embeddings, predictions)
    assert found.shape == (400, 2)
    assert ((found[:, 0] > 0) == (labels > 0)).mean() > 0.9
    assert np.abs(found[:, 0] - labels).mean() < 0.25 < np.abs(labels - np.median(labels)).mean()


def test_no_label_of_a_formula_reaches_the_estimate_for_it() -> None:
    embeddings, predictions, labels = _data()
    own = folds_of(_FORMULAS) == folds_of(_FORMULAS[:1])[0]
    changed = np.where(own, labels[::-1] + 3, labels)
    one, other = (_fitted(values).estimate(_FORMULAS, embeddings, predictions)[:, 0] for values in (labels, changed))
    np.testing.assert_allclose(one[own], other[own], atol=1e-6)
    assert np.abs(one[~own] - other[~own]).max() > 0.1


def test_an_estimate_stays_within_what_was_seen() -> None:
    embeddings, predictions, labels = _data()
    found = _fitted(labels).estimate(_FORMULAS, 100 * embeddings, predictions)[:, 0]
    assert found.min() == 0
    assert found.max() == labels.max()


def test_files_give_back_the_same_estimates(tmp_path: Path) -> None:
    embeddings, predictions, labels = _data()
    heads = _fitted(labels)
    save_fidelity_heads(heads, tmp_path)
    read = load_fidelity_heads(tmp_path, _DIGEST, 17)
    assert read is not None
    assert read.columns == ("HSE06", "HSE06 gate")
    np.testing.assert_array_equal(
        read.estimate(_FORMULAS, embeddings, predictions), heads.estimate(_FORMULAS, embeddings, predictions)
    )


def test_heads_of_another_model_are_not_read(tmp_path: Path) -> None:
    save_fidelity_heads(_fitted(_data()[2]), tmp_path)
    assert load_fidelity_heads(tmp_path, "sha256:" + "1" * 64, 17) is None
    assert load_fidelity_heads(tmp_path / "none", _DIGEST, 17) is None


@pytest.mark.parametrize("damage", ["weights", "record", "format", "width"])
def test_damaged_files_are_refused(tmp_path: Path, damage: str) -> None:
    save_fidelity_heads(_fitted(_data()[2]), tmp_path)
    if damage == "weights":
        content = bytearray((tmp_path / WEIGHTS).read_bytes())
        content[-1] ^= 1
        (tmp_path / WEIGHTS).write_bytes(content)
    elif damage == "record":
        (tmp_path / RECORD).write_text("{")
    elif damage == "format":
        record = json.loads((tmp_path / RECORD).read_text())
        (tmp_path / RECORD).write_text(json.dumps(record | {"format": "other"}))
    with pytest.raises(CheckpointError) as caught:
        load_fidelity_heads(tmp_path, _DIGEST, 99 if damage == "width" else 17)
    assert caught.value.reason == "UNREADABLE_FIDELITY_MODELS"


def test_a_substrate_is_served_without_them_and_ships_with_them(tmp_path: Path) -> None:
    shipped = load_artifact(shipped_model())
    assert shipped.fidelity_heads is not None
    assert shipped.fidelity_heads.columns[:3] == ("HSE06", "GLLB_SC", "SCAN")
    errors = shipped.fidelity_heads.record["errors"]
    assert errors["HSE06"]["all"]["mae"] < 0.3
    assert all(head.weights.shape[0] == N_FOLDS for head in shipped.fidelity_heads.heads)
    for name in ("card.json", "weights.safetensors"):
        shutil.copy(shipped_model() / name, tmp_path)
    alone = load_artifact(tmp_path)
    assert alone.fidelity_heads is None
    assert (alone.digest, alone.weights_digest) == (shipped.digest, shipped.weights_digest)


def test_a_head_without_a_gate_has_one_column() -> None:
    head = FidelityHead(Fidelity.SCAN, "eV", np.zeros((N_FOLDS, 17), dtype=np.float32), None, 3.0)
    embeddings, predictions, _ = _data()
    assert FidelityHeads((head,), _DIGEST).estimate(_FORMULAS, embeddings, predictions).shape == (400, 1)
