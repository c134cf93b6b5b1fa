"""How likely a label sits at the bound that labels pile up at: a metal's gap of zero."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtr

from epitaxy_models.transfer.inputs import TransferInputs, without_conditions
from epitaxy_models.transfer.strategies.block_gp import BlockGP, FittedBlockGP
from epitaxy_models.transfer.strategies.bound import Bound
from epitaxy_models.transfer.strategies.substrate_line import FittedLine, SubstrateLine

Array = NDArray[np.float64]

# scikit-learn's inverse strength of the penalty on the slope, for values of unit spread.
_STRENGTH = 10.0
# Keeps logits finite.
_LEAST = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Gate:
    """A process on 1 for labels at the bound and -1 for the others, and a logistic curve on the law of all labels.

    Their logits are averaged, the process by its own trust in what it learned. Far from all labels it knows no more
    than which class is the larger one: alone it called large gaps metals. There the curve is still right.

    Attributes:
        bound: What it is the probability of.
        process: Learns the two classes as numbers.
        law: The law through all labels.
        slope: Change of the logit with the law's value.
        intercept: Logit where the law's value is 0.
    """

    bound: Bound
    process: FittedBlockGP
    law: FittedLine
    slope: float
    intercept: float

    @classmethod
    def fit(
        cls, bound: Bound, process: BlockGP, line: SubstrateLine, inputs: TransferInputs, targets: Array, seed: int
    ) -> "Gate":
        """Learns which rows sit at the bound."""
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - only fits need it

        is_at = targets == bound.value
        law = line.fit(without_conditions(inputs), targets, seed)
        values = law.predict(inputs).values
        spread = float(values.std()) or 1.0
        curve = LogisticRegression(C=_STRENGTH, max_iter=1000, tol=1e-8)
        curve.fit(((values - values.mean()) / spread)[:, None], is_at)
        slope = float(curve.coef_[0, 0]) / spread
        intercept = float(curve.intercept_[0]) - slope * float(values.mean())
        return cls(bound, process.fit(inputs, np.where(is_at, 1.0, -1.0), seed), law, slope, intercept)

    def probabilities(self, inputs: TransferInputs) -> Array:
        """Probability that a row's label is the bound itself, ``[n_rows]``."""
        found = self.process.predict(inputs)
        of_process = logit(np.clip(ndtr(found.values / found.stds), _LEAST, 1 - _LEAST))
        of_law = self.intercept + self.slope * self.law.predict(inputs).values
        share = self.process.trust / 2
        return np.asarray(expit(share * of_process + (1 - share) * of_law))
