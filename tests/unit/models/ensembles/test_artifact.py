"""A model on disk: what is written is read, any other byte is another digest, and damage is named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from epitaxy_models.calibration.domain import DomainModel
from epitaxy_models.ensembles.artifact import load_artifact, save_artifact, shipped_model
from epitaxy_models.ensembles.card import ModelCard
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.errors import CheckpointError

CARD, WEIGHTS = "card.json", "weights.safetensors"
EditCard = Callable[[Callable[[dict[str, Any]], object]], None]


def test_model_reads_back_as_it_was_saved(
    saved: Path,
    card: ModelCard,
    weights: dict[str, np.ndarray],
    domain: DomainModel,
) -> None:
    artifact = load_artifact(saved)
    assert artifact.card == card
    assert json.loads(artifact.card_json) == json.loads(json.dumps(card.as_json()))
    for part, tensors in (("backbone", artifact.backbone), ("heads", artifact.heads)):
        assert set(tensors) == {name.removeprefix(f"{part}.") for name in weights if name.startswith(f"{part}.")}
        for name, value in tensors.items():
            assert value.dtype == np.float32
            np.testing.assert_allclose(value, weights[f"{part}.{name}"], rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(artifact.heads["references"], weights["heads.references"])
    found, expected = artifact.domain.tensors(), domain.tensors()
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)
    assert artifact.supported_elements() == list(range(1, 119))
    assert artifact.n_parameters == sum(value.size for value in weights.values())


def test_saving_what_was_loaded_changes_no_byte(saved: Path, tmp_path: Path) -> None:
    first = load_artifact(saved)
    weights = {f"backbone.{k}": v for k, v in first.backbone.items()} | {
        f"heads.{k}": v for k, v in first.heads.items()
    }
    save_artifact(tmp_path / "again", first.card, weights, first.domain, first.geometry)
    assert load_artifact(tmp_path / "again").digest == first.digest


@pytest.mark.parametrize("share", [0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0])
def test_any_other_byte_of_the_weights_is_another_digest(saved: Path, share: float) -> None:
    before, path = load_artifact(saved).digest, saved / WEIGHTS
    content = bytearray(path.read_bytes())
    header = 8 + int.from_bytes(content[:8], "little")
    content[header + int(share * (len(content) - header - 1))] ^= 1
    path.write_bytes(content)
    assert load_artifact(saved).digest != before


def test_any_other_byte_of_the_card_is_another_digest(saved: Path) -> None:
    before, path = load_artifact(saved).digest, saved / CARD
    text = path.read_text()
    for other in (text + " ", text.replace('"small"', '"smell"'), text.replace("0.91", "0.92")):
        path.write_text(other)
        assert load_artifact(saved).digest != before
    path.write_text(text)
    assert load_artifact(saved).digest == before


@pytest.mark.parametrize("name", [CARD, WEIGHTS])
def test_missing_file_is_named(saved: Path, name: str) -> None:
    (saved / name).unlink()
    _assert_refused(saved, "UNREADABLE_CHECKPOINT", "holds no readable model")


@pytest.mark.parametrize("length", [0, 7, 400, -1])
def test_truncated_weights_are_refused(saved: Path, length: int) -> None:
    path = saved / WEIGHTS
    path.write_bytes(path.read_bytes()[:length])
    _assert_refused(saved, "UNREADABLE_CHECKPOINT", "holds no readable model")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe{}", b"pickle"])
def test_card_that_is_no_json_is_refused(saved: Path, content: bytes) -> None:
    (saved / CARD).write_bytes(content)
    _assert_refused(saved, "UNREADABLE_CHECKPOINT", "holds no readable model")


@pytest.mark.parametrize("content", [b"[]", b"{}", b"3", b"null"])
def test_card_without_its_fields_is_refused(saved: Path, content: bytes) -> None:
    (saved / CARD).write_bytes(content)
    _assert_refused(saved, "INVALID_CARD", "does not fit this code")


@pytest.mark.parametrize(
    "change",
    [
        lambda card: card.pop("version"),
        lambda card: card["rule"].update(angle=3),
        lambda card: card["backbone"].update(width=0),
        lambda card: card["backbone"].update(depth=3),
        lambda card: card["properties"][0].pop("calibrator"),
        lambda card: card["properties"][0]["calibrator"].update(floor=-1.0),
        lambda card: card["properties"][0]["calibrator"]["multipliers"].pop(),
        lambda card: card["properties"][1]["definition"].update(fidelity="DREAM"),
        lambda card: card["properties"][1]["definition"].update(unit=""),
        lambda card: card.update(training_data={"name": "x"}),
    ],
)
def test_card_that_contradicts_the_code_is_refused(
    saved: Path, edit_card: EditCard, change: Callable[[dict[str, Any]], object]
) -> None:
    edit_card(change)
    _assert_refused(saved, "INVALID_CARD", "does not fit this code")


@pytest.mark.parametrize("change", [{"k": 13}, {"shell_tolerance": 1e-3}])
def test_weights_for_another_graph_rule_are_stale(saved: Path, edit_card: EditCard, change: dict[str, float]) -> None:
    edit_card(lambda card: card["rule"].update(change))
    _assert_refused(saved, "STALE_CHECKPOINT", "weights expect featurizer quotient-2/k12")


def test_weights_for_another_featurizer_code_are_stale(saved: Path, edit_card: EditCard) -> None:
    edit_card(
        lambda card: card.update(featurizer_version=card["featurizer_version"].replace("quotient-2", "quotient-0"))
    )
    _assert_refused(saved, "STALE_CHECKPOINT", "weights expect featurizer quotient-0")


@pytest.mark.parametrize("name", ["domain.latent.centre", "domain.element_counts", "heads.value", "heads.spreads"])
def test_missing_tensor_is_named(saved: Path, name: str) -> None:
    tensors = load_file(saved / WEIGHTS)
    del tensors[name]
    save_file(tensors, saved / WEIGHTS)
    _assert_refused(saved, "INCOMPLETE_CHECKPOINT", f"lacks {name}")


def test_card_that_names_a_head_too_many_is_refused(saved: Path, edit_card: EditCard) -> None:
    edit_card(lambda card: card["properties"][1].update(head=3))
    _assert_refused(saved, "INVALID_CARD", "has 3 heads, fewer than its card names")


@pytest.mark.parametrize("change", [{"width": 16}, {"n_members": 5}, {"n_layers": 3}])
def test_weights_of_another_shape_are_refused(saved: Path, edit_card: EditCard, change: dict[str, int]) -> None:
    edit_card(lambda card: card["backbone"].update(change))
    with pytest.raises(CheckpointError, match="weights do not fit the card") as raised:
        Embedder(load_artifact(saved))
    assert raised.value.reason == "INVALID_WEIGHTS"


def test_shipped_model_loads_and_states_its_evidence() -> None:
    artifact = load_artifact(shipped_model())
    assert {"formation_energy", "band_gap"} <= {entry.definition.name for entry in artifact.card.properties}
    for entry in artifact.card.properties:
        assert entry.calibrator.n_calibration >= 200
        assert entry.n_measured >= 200
        # Three binomial errors of both sets together, and a little for the drift between them.
        error = np.sqrt(0.09 * (1 / entry.n_measured + 1 / entry.calibrator.n_calibration))
        assert abs(entry.measured_coverage - entry.measured_at) < 3 * error + 0.01
    assert "Materials Project" in artifact.card.training_data.name
    assert artifact.card.property_named("band_gap") is not None
    assert artifact.card.property_named("colour") is None


def _assert_refused(folder: Path, reason: str, text: str) -> None:
    with pytest.raises(CheckpointError, match=text) as raised:
        load_artifact(folder)
    assert raised.value.reason == reason
