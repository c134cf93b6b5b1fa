"""A tenant's model: fitted strategies with their calibration, as two files that run no code."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.conformal import check_coverage
from epitaxy_models.calibration.geometry import worse
from epitaxy_models.calibration.verdict import DomainScore
from epitaxy_models.ensembles.readout import EnsemblePrediction
from epitaxy_models.errors import CheckpointError, ConfigurationError, EpitaxyError
from epitaxy_models.transfer.classes.link import ProbabilityLink
from epitaxy_models.transfer.conditions.blocks import CONDITION_PREFIX
from epitaxy_models.transfer.conditions.scope import with_conditions
from epitaxy_models.transfer.fitted.card import TransferCard
from epitaxy_models.transfer.fitted.digest import content_digest
from epitaxy_models.transfer.fitted.files import CARD, Member, Part, arrays_of, decode, encode, is_network, read_files
from epitaxy_models.transfer.fitted.training_domain import TrainingDomain
from epitaxy_models.transfer.inputs import (
    EMBEDDING,
    FIDELITIES,
    LOW_FIDELITY_PREFIX,
    PEER_PREFIX,
    TransferInputs,
    known_values,
)
from epitaxy_models.transfer.physics.limits import in_known_order
from epitaxy_models.transfer.strategy import FittedStrategy, StrategyState, TransferPrediction

# Coverage of one standard deviation to either side.
_ONE_STD = 0.6827

__all__ = ["Member", "Part", "TransferModel"]


@dataclass(frozen=True, eq=False)
class TransferModel:
    """One version of a tenant's model; build it by `of` or `load`.

    Attributes:
        card: What is known about it.
        members: Fits that differ by seed or resampling; their disagreement is the epistemic spread.
        domain: The labels that it was fitted on.
        digest: ``sha256:`` over both files; two models of one digest give equal answers.
        card_json: The card as it lies on disk.
    """

    card: TransferCard
    members: tuple[Member, ...]
    domain: TrainingDomain
    digest: str
    card_json: str

    @classmethod
    def of(cls, card: TransferCard, members: Sequence[Member], domain: TrainingDomain) -> "TransferModel":
        """A model of fitted parts. Raises ConfigurationError without members."""
        if not members:
            raise ConfigurationError("a model needs a member", reason="INVALID_MEMBER")
        files = encode(card, members, domain)
        return cls(card, tuple(members), domain, content_digest(files), files[CARD].decode())

    @classmethod
    def load(cls, folder: Path, base_digest: str | None = None) -> "TransferModel":
        """Reads and checks a model.

        Raises CheckpointError if a file is missing, damaged or of another version, and if ``base_digest`` is
        given and the model was fitted on another substrate.
        """
        files = read_files(folder)
        card, members, domain = decode(files)
        if base_digest is not None and card.base.digest != base_digest:
            raise CheckpointError(
                f"the model was fitted on {card.base.name} {card.base.version}: fit it again on this base",
                reason="WRONG_BASE",
            )
        model = cls(card, members, domain, content_digest(files), files[CARD].decode())
        _ = model.fitted
        return model

    def save(self, folder: Path) -> None:
        """Writes both files, readable for everyone."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in encode(self.card, self.members, self.domain).items():
            (folder / name).write_bytes(content)

    @cached_property
    def fitted(self) -> tuple[tuple[tuple[float, FittedStrategy], ...], ...]:
        """Restored strategies with their shares, by member. Raises CheckpointError if a state is damaged."""
        return tuple(tuple((part.share, _restored(part.state)) for part in member.parts) for member in self.members)

    @property
    def is_network(self) -> bool:
        """Whether a part brings a backbone of its own, so that the substrate's embedding alone is not enough."""
        return is_network(part.state.kind for member in self.members for part in member.parts)

    @property
    def n_bytes(self) -> int:
        """Size of all arrays."""
        states = [part.state.tensors for member in self.members for part in member.parts]
        return sum(array.nbytes for tensors in (*states, arrays_of(self.domain)) for array in tensors.values())

    def predict(
        self,
        inputs: TransferInputs,
        coverage: float,
        substrate_domains: Sequence[DomainScore] | None = None,
        judged_at: float | None = None,
    ) -> EnsemblePrediction:
        """Calibrated predictions of the one property; arrays ``[n_rows, 1]`` in its unit.

        Of classes values are probabilities, and their ends bound the probability.

        ``substrate_domains`` are the substrate's own verdicts; the worse of the two counts. ``judged_at`` is the
        coverage at which interval widths are wanted besides. Raises ConfigurationError if an input is missing, and
        unless coverages lie from 0.5 to 0.99.
        """
        check_coverage(coverage)
        self._check_inputs(inputs)
        means, epistemic, noise = self.spread(inputs)
        if self.card.link is not None:
            domains = self._domains(inputs, substrate_domains)
            return self._probabilities(self.card.link, means, epistemic, domains, (coverage, judged_at))
        # Calibrated by single fits, whose residuals hold what their spread would add.
        calibrator = self.card.calibration.calibrator
        values, lower, upper = self._ends(means, calibrator.half_widths(noise, coverage), inputs)
        widths = None
        if judged_at is not None:
            _, low, high = self._ends(means, calibrator.half_widths(noise, judged_at), inputs)
            widths = high - low
        spreads = (epistemic, noise, calibrator.stds(noise))
        epistemic_std, aleatoric_std, stds = (self._in_unit(means, spread)[:, None] for spread in spreads)
        domains = self._domains(inputs, substrate_domains)
        return EnsemblePrediction(values, epistemic_std, aleatoric_std, stds, lower, upper, domains, widths)

    def spread(self, inputs: TransferInputs) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Mean, spread of the members and their expected error, on the scale of the fit, each ``[n_rows]``."""
        members = [_mean(parts, inputs) for parts in self.fitted]
        values = np.stack([member.values for member in members])
        noise = np.sqrt(np.mean(np.square([member.stds for member in members]), axis=0))
        # One member alone has no spread; its expected error stands for the whole.
        epistemic = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros_like(noise)
        return values.mean(axis=0), epistemic, noise

    def _probabilities(
        self,
        link: ProbabilityLink,
        scores: NDArray[np.float64],
        spreads: NDArray[np.float64],
        domains: tuple[DomainScore, ...],
        coverages: tuple[float, float | None],
    ) -> EnsemblePrediction:
        """Probabilities; the expected error of an outcome is that of a coin with the probability."""
        logits, stds = link.logits(scores), link.logit_stds(scores, spreads)
        values = link.rates(logits)
        coverage, judged_at = coverages
        lower, upper = self._bounds(link, logits, stds, coverage)
        judged = None if judged_at is None else self._bounds(link, logits, stds, judged_at)
        low, high = self._bounds(link, logits, stds, _ONE_STD)
        total = np.sqrt(values * (1 - values))
        epistemic = np.minimum((high - low) / 2, total)
        aleatoric = np.sqrt(total**2 - epistemic**2)
        widths = None if judged is None else (judged[1] - judged[0])[:, None]
        return EnsemblePrediction(
            values[:, None],
            epistemic[:, None],
            aleatoric[:, None],
            total[:, None],
            lower[:, None],
            upper[:, None],
            domains,
            widths,
        )

    def _bounds(
        self, link: ProbabilityLink, logits: NDArray[np.float64], stds: NDArray[np.float64], coverage: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        half = self.card.calibration.calibrator.half_widths(stds, coverage)
        return link.rates(logits - half), link.rates(logits + half)

    def answers(self, inputs: TransferInputs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Values as `predict` gives them, ``[n_rows]``, and what each member would say alone, ``[n_members, n_rows]``.

        Raises ConfigurationError if an input is missing.
        """
        self._check_inputs(inputs)
        members = np.stack([_mean(parts, inputs).values for parts in self.fitted])
        link = self.card.link
        if link is not None:
            return link.probabilities(members.mean(axis=0)), np.stack([link.probabilities(own) for own in members])
        no_width = np.zeros(inputs.n_rows)
        ends = [self._ends(means, no_width, inputs)[0][:, 0] for means in (members.mean(axis=0), *members)]
        return ends[0], np.stack(ends[1:])

    def _check_inputs(self, inputs: TransferInputs) -> None:
        needed = [f"{LOW_FIDELITY_PREFIX}{column.name}" for column in self.card.known_columns]
        needed += [f"{PEER_PREFIX}{peer}" for peer in self.card.peers]
        needed += [f"{CONDITION_PREFIX}{condition.name}" for condition in self.card.conditions]
        needed += [FIDELITIES] if self.card.training.get("fidelity_models") else []
        missing = [name for name in needed if name not in inputs.blocks]
        if missing:
            raise ConfigurationError(
                f"the model reads {', '.join(missing)}, which is not given", reason="MISSING_INPUT"
            )

    def _ends(
        self, means: NDArray[np.float64], half: NDArray[np.float64], inputs: TransferInputs
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Values, lower and upper ends in the property's unit, in bounds and in order, ``[n_rows, 1]`` each."""
        orders = self.card.orders
        stated = {order.column: known_values(inputs, order.column) for order in orders}
        inverse = self.card.transform.inverse
        value, low, high = (
            in_known_order(self._bounded(inverse(end)), orders, stated)[:, None]
            for end in (means, means - half, means + half)
        )
        return value, low, high

    def _in_unit(self, means: NDArray[np.float64], spread: NDArray[np.float64]) -> NDArray[np.float64]:
        """Half of what lies between one deviation below and one above, in the property's unit."""
        inverse = self.card.transform.inverse
        return np.asarray((inverse(means + spread) - inverse(means - spread)) / 2, dtype=np.float64)

    def _bounded(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        limits = self.card.definition
        low = -np.inf if limits.lower_bound is None else limits.lower_bound
        high = np.inf if limits.upper_bound is None else limits.upper_bound
        return np.clip(values, low, high)

    def _domains(self, inputs: TransferInputs, substrate: Sequence[DomainScore] | None) -> tuple[DomainScore, ...]:
        own = self.domain.judge(inputs.blocks[EMBEDDING], inputs.structures)
        if substrate is not None:
            pairs = zip(own, substrate, strict=True)
            own = tuple(theirs if worse(ours.verdict, theirs.verdict) else ours for ours, theirs in pairs)
        return with_conditions(own, self.card.conditions, inputs.conditions)


def _mean(parts: Sequence[tuple[float, FittedStrategy]], inputs: TransferInputs) -> TransferPrediction:
    """Parts err together, so that expected errors are averaged, not reduced."""
    predictions = [(share, fitted.predict(inputs)) for share, fitted in parts]
    values = sum(share * prediction.values for share, prediction in predictions)
    stds = sum(share * prediction.stds for share, prediction in predictions)
    return TransferPrediction(np.asarray(values), np.asarray(stds))


def _restored(state: StrategyState) -> FittedStrategy:
    # What fits brings scipy's optimizers, which a process that holds no tenant's model yet need not wait for.
    from epitaxy_models.transfer import strategies  # noqa: PLC0415

    try:
        return strategies.restore(state)
    except EpitaxyError:
        raise
    except (KeyError, ValueError, TypeError, IndexError, RuntimeError) as error:
        raise CheckpointError(
            f"the state of {state.kind} cannot be restored: {error}", reason="INVALID_STATE"
        ) from error
