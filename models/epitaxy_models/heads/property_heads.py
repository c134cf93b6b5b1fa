"""Property heads: a small network a property on top of the structure embedding."""

import torch
from torch import Tensor, nn

from epitaxy_models.backbones.config import N_ELEMENTS
from epitaxy_models.backbones.stacked import stacked
from epitaxy_models.heads.noise import LOG_NOISE_RANGE


class PropertyHeads(nn.Module):
    """Value and noise scale of every property, for every member.

    A value is a linear function of the composition, fitted beforehand (the element references of an energy), plus a
    correction by the network in units of the target's spread. The noise scale is that of a Laplace distribution; its
    gradient does not reach the value or the backbone.
    """

    references: Tensor
    spreads: Tensor

    def __init__(
        self, n_members: int, n_in: int, n_properties: int, n_hidden: int = 64, n_species: int = N_ELEMENTS
    ) -> None:
        super().__init__()
        self.n_hidden = n_hidden
        self.hidden = stacked(n_members, n_in, n_properties * n_hidden)
        self.hidden_bias = nn.Parameter(torch.zeros(n_members, 1, n_properties * n_hidden))
        self.value = nn.Parameter(torch.randn(n_members, 1, n_properties, n_hidden) * n_hidden**-0.5)
        self.scale_hidden = stacked(n_members, n_in, n_properties * n_hidden)
        self.scale = nn.Parameter(torch.zeros(n_members, 1, n_properties, n_hidden))
        self.scale_bias = nn.Parameter(torch.full((n_members, 1, n_properties), -1.5))
        self.register_buffer("references", torch.zeros(n_species, n_properties))
        self.register_buffer("spreads", torch.ones(n_properties))

    def forward(self, embeddings: Tensor, composition: Tensor) -> tuple[Tensor, Tensor]:
        """Values and Laplace scales, each ``[n_members, n_graphs, n_properties]``, in the properties' units.

        Args:
            embeddings: ``[n_members, n_graphs, n_in]``.
            composition: Share of each kind of node, ``[n_graphs, n_species]``.
        """
        correction = (self._layer(embeddings, self.hidden) * self.value).sum(dim=-1)
        noise = (self._layer(embeddings.detach(), self.scale_hidden) * self.scale).sum(dim=-1) + self.scale_bias
        values = composition @ self.references + correction * self.spreads
        return values, torch.exp(noise.clamp(*LOG_NOISE_RANGE)) * self.spreads

    def _layer(self, embeddings: Tensor, weights: Tensor) -> Tensor:
        members, graphs = embeddings.shape[:2]
        hidden = nn.functional.silu(torch.baddbmm(self.hidden_bias, embeddings, weights))
        # Stated, not inferred: without graphs there is nothing to infer it from.
        return hidden.view(members, graphs, weights.shape[-1] // self.n_hidden, self.n_hidden)
