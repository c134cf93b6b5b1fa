"""The verdict in one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass

from epitaxy_models.transfer.classes.quality import ClassQuality
from epitaxy_models.transfer.contest.judge import Judgement, StrategyVerdict
from epitaxy_models.transfer.labels.suspicion import SuspiciousLabel, named
from epitaxy_models.transfer.verdict import Verdict

_N_TOLD = 3


@dataclass(frozen=True, slots=True)
class Measure:
    """What strategies are compared by, in words, and its unit; a Brier score has none."""

    unit: str = ""
    words: str = "mean absolute error"

    def of(self, value: float) -> str:
        """A value with its unit."""
        return f"{value:.3g} {self.unit}".rstrip()


BRIER = Measure(words="Brier score")
_WORDS = {
    "pool_median": "the plain median of your labels",
    "descriptor_forest": "a descriptor model without pretraining",
    "descriptor_gp": "a Gaussian process without pretraining",
    "fraction_forest": "a model of the fractions of elements",
    "scratch_network": "a network trained from scratch",
    "substrate_head": "the base model's own answer",
    "substrate_line": "a line on the base model's answer",
}


def verdict_sentence(
    judgement: Judgement, property_name: str, unit: str, n_labels: int, n_rows: int, *, are_classes: bool = False
) -> str:
    """What a chemist should know: does pretraining help, by how much, and what serves.

    Args:
        judgement: Of all strategies.
        property_name: What is learned.
        unit: Of the labels.
        n_labels: Crystals that are learned from.
        n_rows: Rows that were given.
        are_classes: Whether the labels are 0 or 1, and errors are Brier scores.
    """
    measure = BRIER if are_classes else Measure(unit)
    reference = judgement.named(judgement.reference)
    rows = f" (from {n_rows} rows)" if n_rows != n_labels else ""
    opening = f"With your {n_labels} labels of {property_name}{rows},"
    if judgement.best_transfer is None:
        return (
            f"{opening} {_plain(reference.name, measure)} has a {measure.words} of {_error(reference, measure)}; "
            "no pretrained model was compared."
        )
    best, chosen = judgement.named(judgement.best_transfer), judgement.named(judgement.chosen)
    served = "" if chosen.name == best.name or judgement.verdict is Verdict.HURTS else _served(chosen, measure)
    compared = f"{_error(reference, measure)} for {_plain(reference.name, measure)}"
    facts = f"{_subject(best, chosen, measure)} is {_error(best, measure)}, against {compared}"
    if judgement.transfer_verdict is Verdict.HELPS:
        text = f"pretraining helps: {facts} ({_share(best, reference)} less)."
    elif judgement.transfer_verdict is Verdict.HURTS:
        text = f"pretraining makes predictions worse: {facts}."
    elif served and judgement.verdict is Verdict.HELPS:
        # What serves is better beyond noise, and no strategy with pretraining is alone.
        text = (
            f"that is {_share(chosen, reference)} less than {compared}, and beyond noise; {best.name} alone, with "
            f"{_error(best, measure)}, is not."
        )
    else:
        text = f"pretraining makes no difference beyond noise: {facts}."
    return f"{opening} {served}{text}{_warning(judgement, measure)}"


def class_sentence(quality: ClassQuality) -> str:
    """How well probabilities rank and hold, after the verdict."""
    kept = "they hold" if quality.is_calibrated else "they do not hold"
    return (
        f" Its probabilities rank a 1 before a 0 in {100 * quality.auc:.0f} % of pairs (AUC {quality.auc:.3f}, 95 % "
        f"interval {quality.auc_low:.2f} to {quality.auc_high:.2f}), and {kept}: shares of ones differ from them by "
        f"{quality.calibration_error:.2f} on average, of which chance explains "
        f"{quality.expected_calibration_error:.2f}."
    )


def suspicion_sentence(suspicious: Sequence[SuspiciousLabel]) -> str:
    """What is odd among the labels, with rows and values; empty where nothing is."""
    gross = [entry for entry in suspicious if entry.kind.is_gross]
    others = [entry for entry in suspicious if not entry.kind.is_gross]
    accepted = f" Accepted although suspicious; what is wild was left out of the fit: {named(gross)}." if gross else ""
    return accepted + (f" Look at: {named(others, _N_TOLD)}." if others else "")


def _subject(best: StrategyVerdict, chosen: StrategyVerdict, measure: Measure) -> str:
    return f"its {measure.words}" if best.name == chosen.name else f"the {measure.words} of {best.name}"


def _served(chosen: StrategyVerdict, measure: Measure) -> str:
    """The error that counts stands first: that of the strategy that serves."""
    return f"{_plain(chosen.name, measure)} serves, with a {measure.words} of {_error(chosen, measure)}; "


def _warning(judgement: Judgement, measure: Measure) -> str:
    if judgement.verdict is not Verdict.HURTS:
        return ""
    chosen = judgement.named(judgement.chosen)
    return (
        f" The strategy that you asked for, {chosen.name}, has an error of {_error(chosen, measure)}: do not serve it "
        "without a reason."
    )


def _plain(name: str, measure: Measure) -> str:
    return "the share of ones alone" if measure is BRIER and name == "pool_median" else _WORDS.get(name, name)


def _error(entry: StrategyVerdict, measure: Measure) -> str:
    return measure.of(entry.error.mean)


def _share(best: StrategyVerdict, reference: StrategyVerdict) -> str:
    return f"{100 * (1 - best.error.mean / reference.error.mean):.0f} %"
