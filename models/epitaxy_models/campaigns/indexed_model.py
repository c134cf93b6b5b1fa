"""A joint posterior over a short list of candidates as a BoTorch model, whose points are numbers in the list."""

from typing import Any

import numpy as np
import torch
from botorch.acquisition.objective import PosteriorTransform
from botorch.models.model import Model
from botorch.posteriors.gpytorch import GPyTorchPosterior
from gpytorch.distributions import MultitaskMultivariateNormal, MultivariateNormal
from numpy.typing import NDArray
from torch import Tensor

# Of the mean variance; a list may hold two candidates that no block tells apart.
_JITTER = 1e-6


class IndexedModel(Model):
    """Posterior of independent properties over ``n`` listed candidates.

    A point is the candidate's place in the list, so that nothing is proposed again because of rounding.
    """

    def __init__(self, means: NDArray[np.float64], covariances: NDArray[np.float64]) -> None:
        """``means`` is ``[n_properties, n]``, ``covariances`` ``[n_properties, n, n]``."""
        super().__init__()
        own = np.trace(covariances, axis1=1, axis2=2) / covariances.shape[1]
        jitter = _JITTER * own[:, None, None] * np.eye(covariances.shape[1])
        self.means, self.covariances = torch.from_numpy(means), torch.from_numpy(covariances + jitter)

    @property
    def num_outputs(self) -> int:
        """Number of properties."""
        return len(self.means)

    @property
    def batch_shape(self) -> torch.Size:
        """No batch of models."""
        return torch.Size([])

    def posterior(
        self,
        X: Tensor,  # noqa: N803 - BoTorch's name
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: PosteriorTransform | None = None,
        **_: Any,
    ) -> Any:
        """Joint posterior of the places ``X`` ``[..., q, 1]``, without noise."""
        places = X[..., 0].round().long()
        chosen = range(self.num_outputs) if output_indices is None else output_indices
        parts = [
            MultivariateNormal(self.means[i][places], self.covariances[i][places.unsqueeze(-1), places.unsqueeze(-2)])
            for i in chosen
        ]
        joint = parts[0] if len(parts) == 1 else MultitaskMultivariateNormal.from_independent_mvns(parts)
        found = GPyTorchPosterior(joint)
        return found if posterior_transform is None else posterior_transform(found)
