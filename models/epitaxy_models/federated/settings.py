"""What all members compute alike. A consortium agrees on these numbers before its first round."""

from dataclasses import asdict, dataclass

from epitaxy_models.errors import ConfigurationError

METHOD_VERSION = "federated-stack-1"
"""To be raised with any change of what members compute: sums of two versions mean nothing."""


@dataclass(frozen=True, slots=True)
class MethodSettings:
    """Settings of the federated ensemble and of the ridge.

    Attributes:
        n_networks: Networks of the ensemble. Each leaves out one fold of every member's rows, so that members have
            predictions of their own rows by a network that never saw them.
        width: Width of both hidden layers.
        rounds: Releases of the networks' sum; 0 for the ridge alone, in one release, on features of a public scale.
        local_steps: Steps of Adam that a member makes in a round, on all of its rows.
        proximal: Weight of the pull to the weights that the round began with (Li et al., FedProx, MLSys 2020).
        learning_rate: Of Adam.
        dropout: Share of hidden units that a step leaves out. It lowers the error on new rows, and what the weights
            tell of single rows.
        decay: Weight of the squared weights in the loss.
        has_ridge: Whether the Gram sums of a ridge are opened beside the networks. By default they are not: a ridge
            that is narrow enough to give no row away made stacks worse. Without rounds they always are.
        n_random_features: Random cosines of the ridge (Rahimi & Recht 2007). Far fewer than rows: a Gram matrix that is
            wider than the rows are many gives the rows away.
        ridge: Ridge on standardized labels.
        seed: Of the networks' first weights and of the random features; known to all members.
    """

    n_networks: int = 4
    width: int = 64
    rounds: int = 20
    local_steps: int = 20
    proximal: float = 0.1
    learning_rate: float = 2e-3
    dropout: float = 0.3
    decay: float = 1e-3
    has_ridge: bool = False
    n_random_features: int = 40
    ridge: float = 0.03
    seed: int = 0

    def __post_init__(self) -> None:
        counts = (self.n_networks - 1, self.width, self.rounds + 1, self.local_steps, self.n_random_features)
        if min(counts) < 1 or not 0 <= self.dropout < 1 or min(self.learning_rate, self.ridge) <= 0:
            raise ConfigurationError(f"settings of the method contradict themselves: {asdict(self)}")
        if min(self.proximal, self.decay) < 0:
            raise ConfigurationError("proximal and decay are 0 or more")

    def digest_text(self) -> str:
        """All numbers as text, for the digest of an agreement."""
        return f"{METHOD_VERSION} {sorted(asdict(self).items())}"
