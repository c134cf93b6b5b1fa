"""The verdict in one sentence."""

from collections.abc import Sequence

from epitaxy_models.transfer.contest.judge import Judgement, StrategyVerdict
from epitaxy_models.transfer.labels.suspicion import SuspiciousLabel, named
from epitaxy_models.transfer.verdict import Verdict

_N_TOLD = 3
_WORDS = {
    "pool_median": "the plain median of your labels",
    "descriptor_forest": "a descriptor model without pretraining",
    "descriptor_gp": "a Gaussian process without pretraining",
    "fraction_forest": "a model of the fractions of elements",
    "scratch_network": "a network trained from scratch",
    "substrate_head": "the base model's own answer",
    "substrate_line": "a line on the base model's answer",
}


def verdict_sentence(judgement: Judgement, property_name: str, unit: str, n_labels: int, n_rows: int) -> str:
    """What a chemist should know: does pretraining help, by how much, and what serves.

    Args:
        judgement: Of all strategies.
        property_name: What is learned.
        unit: Of the labels.
        n_labels: Crystals that are learned from.
        n_rows: Rows that were given.
    """
    reference = judgement.named(judgement.reference)
    rows = f" (from {n_rows} rows)" if n_rows != n_labels else ""
    opening = f"With your {n_labels} labels of {property_name}{rows},"
    if judgement.best_transfer is None:
        return (
            f"{opening} {_plain(reference.name)} has a mean absolute error of {_error(reference, unit)}; "
            "no pretrained model was compared."
        )
    best, chosen = judgement.named(judgement.best_transfer), judgement.named(judgement.chosen)
    served = "" if chosen.name == best.name or judgement.verdict is Verdict.HURTS else _served(chosen, unit)
    compared = f"{_error(reference, unit)} for {_plain(reference.name)}"
    facts = f"{_subject(best, chosen)} is {_error(best, unit)}, against {compared}"
    if judgement.transfer_verdict is Verdict.HELPS:
        text = f"pretraining helps: {facts} ({_share(best, reference)} less)."
    elif judgement.transfer_verdict is Verdict.HURTS:
        text = f"pretraining makes predictions worse: {facts}."
    else:
        text = f"pretraining makes no difference beyond noise: {facts}."
    return f"{opening} {served}{text}{_warning(judgement, unit)}"


def suspicion_sentence(suspicious: Sequence[SuspiciousLabel]) -> str:
    """What is odd among the labels, with rows and values; empty where nothing is."""
    gross = [entry for entry in suspicious if entry.kind.is_gross]
    others = [entry for entry in suspicious if not entry.kind.is_gross]
    accepted = f" Accepted although suspicious; what is wild was left out of the fit: {named(gross)}." if gross else ""
    return accepted + (f" Look at: {named(others, _N_TOLD)}." if others else "")


def _subject(best: StrategyVerdict, chosen: StrategyVerdict) -> str:
    return "its mean absolute error" if best.name == chosen.name else f"the mean absolute error of {best.name}"


def _served(chosen: StrategyVerdict, unit: str) -> str:
    """The error that counts stands first: that of the strategy that serves."""
    return f"{_plain(chosen.name)} serves, with a mean absolute error of {_error(chosen, unit)}; "


def _warning(judgement: Judgement, unit: str) -> str:
    if judgement.verdict is not Verdict.HURTS:
        return ""
    chosen = judgement.named(judgement.chosen)
    return (
        f" The strategy that you asked for, {chosen.name}, has an error of {_error(chosen, unit)}: do not serve it "
        "without a reason."
    )


def _plain(name: str) -> str:
    return _WORDS.get(name, name)


def _error(entry: StrategyVerdict, unit: str) -> str:
    return f"{entry.error.mean:.3g} {unit}"


def _share(best: StrategyVerdict, reference: StrategyVerdict) -> str:
    return f"{100 * (1 - best.error.mean / reference.error.mean):.0f} %"
