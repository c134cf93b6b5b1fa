"""Property heads at serving time: numpy only, so that a featurizer needs no torch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.heads.noise import LOG_NOISE_RANGE

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class PropertyReadout:
    """The heads of ``PropertyHeads`` for some of its properties; equal to it within float32 rounding.

    Attributes:
        hidden: ``[n_members, n_in, n_properties * n_hidden]``, and so is ``scale_hidden``.
        hidden_bias: ``[n_members, 1, n_properties * n_hidden]``.
        value: ``[n_members, 1, n_properties, n_hidden]``, and so is ``scale``.
        scale_bias: ``[n_members, 1, n_properties]``.
        references: ``[119, n_properties]``.
        spreads: ``[n_properties]``.
    """

    hidden: Array
    hidden_bias: Array
    value: Array
    scale_hidden: Array
    scale: Array
    scale_bias: Array
    references: Array
    spreads: Array

    @classmethod
    def from_tensors(cls, tensors: dict[str, Array], properties: list[int]) -> "PropertyReadout":
        """Cuts the heads of the given properties out of the whole set, by index."""
        members, _, n_properties, n_hidden = tensors["value"].shape

        def blocks(name: str) -> Array:
            whole = tensors[name].reshape(members, -1, n_properties, n_hidden)[:, :, properties]
            return np.ascontiguousarray(whole.reshape(members, whole.shape[1], -1))

        return cls(
            hidden=blocks("hidden"),
            hidden_bias=blocks("hidden_bias"),
            value=tensors["value"][:, :, properties],
            scale_hidden=blocks("scale_hidden"),
            scale=tensors["scale"][:, :, properties],
            scale_bias=tensors["scale_bias"][:, :, properties],
            references=tensors["references"][:, properties],
            spreads=tensors["spreads"][properties],
        )

    def __call__(self, embeddings: Array, composition: Array) -> tuple[Array, Array]:
        """Values and Laplace scales, each ``[n_members, n_structures, n_properties]``, in the properties' units.

        Args:
            embeddings: ``[n_structures, n_members, n_in]``.
            composition: Share of each element, ``[n_structures, 119]``.
        """
        stacked = np.ascontiguousarray(embeddings.swapaxes(0, 1))
        correction = (self._layer(stacked, self.hidden) * self.value).sum(axis=-1)
        noise = (self._layer(stacked, self.scale_hidden) * self.scale).sum(axis=-1) + self.scale_bias
        values = composition @ self.references + correction * self.spreads
        return values, np.exp(np.clip(noise, *LOG_NOISE_RANGE)) * self.spreads

    def _layer(self, stacked: Array, weights: Array) -> Array:
        hidden = stacked @ weights + self.hidden_bias
        activated: Array = hidden / (1 + np.exp(-np.clip(hidden, -80.0, None)))
        return activated.reshape(*activated.shape[:2], *self.value.shape[2:])


@dataclass(frozen=True, slots=True, eq=False)
class FlooredReadout:
    """The same heads, of which some know what is true of crystals of one element.

    The formation energy of an element is that of its stable form, 0, or more: no member may say less. It is the energy
    above the hull, too: the mean of both heads stands for either.

    Attributes:
        heads: Heads that know nothing of it; those of equals that are not asked for come last.
        floors: Lowest value of a crystal of one element, in the property's unit, ``[n_properties]``; -inf if there is
            none.
        equals: Places of heads of one quantity for crystals of one element; empty if there are none.
    """

    heads: PropertyReadout
    floors: Array
    equals: tuple[int, ...] = ()

    def __call__(self, embeddings: Array, composition: Array) -> tuple[Array, Array]:
        """As `PropertyReadout`, for the same arguments."""
        values, scales = self.heads(embeddings, composition)
        are_elements = composition.max(axis=1, initial=0) == 1
        n = len(self.floors)
        if are_elements.any():
            known = values[:, are_elements]
            if self.equals:
                known[:, :, self.equals] = known[:, :, self.equals].mean(axis=2, keepdims=True)
            values[:, are_elements, :n] = np.maximum(known[:, :, :n], self.floors)
        return values[:, :, :n], scales[:, :, :n]


def composition_of(atomic_numbers: list[NDArray[np.uint8]], n_elements: int = 119) -> Array:
    """Share of each element in each structure, ``[n_structures, n_elements]``."""
    shares = np.zeros((len(atomic_numbers), n_elements), dtype=np.float32)
    for row, numbers in enumerate(atomic_numbers):
        shares[row] = np.bincount(numbers, minlength=n_elements) / len(numbers)
    return shares
