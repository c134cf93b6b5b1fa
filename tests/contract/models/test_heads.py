"""The contract of property heads, held by the module of training and by the readout of serving."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.heads.property_heads import PropertyHeads
from epitaxy_models.heads.readout import PropertyReadout
from epitaxy_models.testing import HeadContract
from epitaxy_models.testing.head_contract import Array, Reading

N_HIDDEN = 8


def fresh_heads() -> PropertyHeads:
    torch.manual_seed(2)
    heads = PropertyHeads(TestTrainingHeads.n_members, TestTrainingHeads.n_in, 4, n_hidden=N_HIDDEN)
    with torch.no_grad():
        for parameter in heads.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
        heads.references.normal_()
        heads.spreads.uniform_(0.2, 3.0)
    return heads.eval()


def tensors_of(heads: PropertyHeads) -> dict[str, Array]:
    return {name: value.contiguous().numpy() for name, value in heads.state_dict().items()}


def run(heads: PropertyHeads, embeddings: Array, composition: Array) -> Reading:
    members_first = torch.from_numpy(np.ascontiguousarray(embeddings.swapaxes(0, 1)))
    with torch.inference_mode():
        values, scales = heads(members_first, torch.from_numpy(np.ascontiguousarray(composition)))
    return values.numpy(), scales.numpy()


class TestTrainingHeads(HeadContract):
    n_members, n_in, n_properties = 3, 12, 4

    @cached_property
    def heads(self) -> PropertyHeads:
        return fresh_heads()

    def read(self, embeddings: Array, composition: Array) -> Reading:
        return run(self.heads, embeddings, composition)

    def stored_and_read(self, folder: Path, embeddings: Array, composition: Array) -> Reading:
        save_file(tensors_of(self.heads), folder / "heads.safetensors")
        torch.manual_seed(3)
        loaded = PropertyHeads(self.n_members, self.n_in, self.n_properties, n_hidden=N_HIDDEN)
        loaded.load_state_dict({k: torch.from_numpy(v) for k, v in load_file(folder / "heads.safetensors").items()})
        return run(loaded.eval(), embeddings, composition)

    def spreads(self) -> Array:
        return self.heads.spreads.numpy()


class Readout(HeadContract):
    """The readout of serving, over some properties of a set of heads."""

    tensors: Mapping[str, Array]
    properties: tuple[int, ...]

    def read(self, embeddings: Array, composition: Array) -> Reading:
        return PropertyReadout.from_tensors(dict(self.tensors), list(self.properties))(embeddings, composition)

    def stored_and_read(self, folder: Path, embeddings: Array, composition: Array) -> Reading:
        save_file(dict(self.tensors), folder / "heads.safetensors")
        loaded = load_file(folder / "heads.safetensors")
        return PropertyReadout.from_tensors(loaded, list(self.properties))(embeddings, composition)

    def spreads(self) -> Array:
        return self.tensors["spreads"][list(self.properties)]


class TestServingReadout(Readout):
    n_members, n_in, n_properties = TestTrainingHeads.n_members, TestTrainingHeads.n_in, 2
    tensors, properties = tensors_of(fresh_heads()), (3, 1)


class TestShippedHeads(Readout):
    artifact = load_artifact(shipped_model())
    n_members, n_in = artifact.card.backbone.n_members, artifact.card.backbone.embedding_width
    tensors, properties = artifact.heads, tuple(entry.head for entry in artifact.card.properties)
    n_properties = len(properties)


class _Normalizing(TestTrainingHeads):
    """Centres its batch, so an answer depends on the neighbours."""

    def read(self, embeddings: Array, composition: Array) -> Reading:
        return super().read(embeddings - embeddings.mean(axis=0), composition)


class _Mixing(TestTrainingHeads):
    """Lets every member read the mean of all."""

    def read(self, embeddings: Array, composition: Array) -> Reading:
        return super().read(np.repeat(embeddings.mean(axis=1, keepdims=True), self.n_members, axis=1), composition)


class _Unbounded(TestTrainingHeads):
    """Ten times the scale that training allows."""

    def read(self, embeddings: Array, composition: Array) -> Reading:
        values, scales = super().read(embeddings, composition)
        return values, 10 * scales


class _Forgetful(TestTrainingHeads):
    """Loses the references of the elements on the way to the file."""

    def stored_and_read(self, folder: Path, embeddings: Array, composition: Array) -> Reading:
        return super().stored_and_read(folder, embeddings, 0 * composition)


class _Squared(TestTrainingHeads):
    """References that are not linear in the composition, nor apart from the embedding."""

    def read(self, embeddings: Array, composition: Array) -> Reading:
        return super().read(embeddings * (1 + composition[:, :1, None]), composition)


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (_Normalizing, "test_structure_is_read_alike_alone_and_in_a_batch"),
        (_Mixing, "test_a_member_reads_its_own_embedding_alone"),
        (_Unbounded, "test_scales_stay_between_their_bounds"),
        (_Forgetful, "test_stored_heads_read_the_same"),
        (_Squared, "test_the_composition_adds_a_linear_reference_to_values_alone"),
    ],
)
def test_contract_catches(broken: type[HeadContract], test: str) -> None:
    with pytest.raises(AssertionError, match=r"differ|[Nn]ot equal|above its bound"):
        getattr(broken(), test)()
