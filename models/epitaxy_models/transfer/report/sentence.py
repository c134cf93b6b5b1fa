"""The verdict in one sentence."""

from epitaxy_models.transfer.contest.judge import Judgement, StrategyVerdict
from epitaxy_models.transfer.verdict import Verdict

_WORDS = {
    "pool_median": "the plain median of your labels",
    "descriptor_forest": "a descriptor model without pretraining",
    "scratch_network": "a network trained from scratch",
}


def verdict_sentence(judgement: Judgement, property_name: str, unit: str, n_labels: int) -> str:
    """What a chemist should know: does pretraining help, by how much, and what serves."""
    reference, opening = judgement.named(judgement.reference), f"With your {n_labels} labels of {property_name},"
    if judgement.best_transfer is None:
        return (
            f"{opening} {_plain(reference.name)} has a mean absolute error of {_error(reference, unit)}; "
            "no pretrained model was compared."
        )
    best = judgement.named(judgement.best_transfer)
    compared = f"{_error(reference, unit)} for {_plain(reference.name)}"
    facts = f"its mean absolute error is {_error(best, unit)}, against {compared}"
    if judgement.transfer_verdict is Verdict.HELPS:
        text = f"{opening} pretraining helps: {facts} ({_share(best, reference)} less)."
    elif judgement.transfer_verdict is Verdict.HURTS:
        text = f"{opening} pretraining makes predictions worse: {facts}."
    else:
        text = f"{opening} pretraining makes no difference beyond noise: {facts}."
    return text + _served(judgement, unit)


def _served(judgement: Judgement, unit: str) -> str:
    chosen = judgement.named(judgement.chosen)
    if judgement.verdict is Verdict.HURTS:
        return (
            f" The strategy that you asked for, {chosen.name}, has an error of {_error(chosen, unit)}: do not serve it "
            "without a reason."
        )
    if chosen.name == judgement.best_transfer:
        return ""
    return f" The model that serves is {_plain(chosen.name)}, with an error of {_error(chosen, unit)}."


def _plain(name: str) -> str:
    return _WORDS.get(name, name)


def _error(entry: StrategyVerdict, unit: str) -> str:
    return f"{entry.error.mean:.3g} {unit}"


def _share(best: StrategyVerdict, reference: StrategyVerdict) -> str:
    return f"{100 * (1 - best.error.mean / reference.error.mean):.0f} %"
