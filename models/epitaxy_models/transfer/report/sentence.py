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
            f"{opening} {_plain(reference.name)} errs by {_error(reference, unit)}; no pretrained model was compared."
        )
    best, chosen = judgement.named(judgement.best_transfer), judgement.named(judgement.chosen)
    served = "" if chosen.name == best.name or judgement.verdict is Verdict.HURTS else _served(chosen, unit)
    facts = f"{_error(best, unit)} against {_error(reference, unit)} of {_plain(reference.name)}"
    if judgement.transfer_verdict is Verdict.HELPS:
        text = f"pretraining helps: {_subject(best, chosen)} errs by {facts}, {_share(best, reference)} less."
    elif judgement.transfer_verdict is Verdict.HURTS:
        text = f"pretraining makes it worse: {_subject(best, chosen)} errs by {facts}."
    else:
        text = f"pretraining makes no difference beyond noise: {_subject(best, chosen)} errs by {facts}."
    return f"{opening} {served}{text}{_warning(judgement, unit)}"


def _subject(best: StrategyVerdict, chosen: StrategyVerdict) -> str:
    return "it" if best.name == chosen.name else best.name


def _served(chosen: StrategyVerdict, unit: str) -> str:
    """The error that counts stands first: that of what serves."""
    return f"{_plain(chosen.name)} serves, which errs by {_error(chosen, unit)}; "


def _warning(judgement: Judgement, unit: str) -> str:
    if judgement.verdict is not Verdict.HURTS:
        return ""
    chosen = judgement.named(judgement.chosen)
    return f" What you asked for, {chosen.name}, errs by {_error(chosen, unit)}: do not serve it without a reason."


def _plain(name: str) -> str:
    return _WORDS.get(name, name)


def _error(entry: StrategyVerdict, unit: str) -> str:
    return f"{entry.error.mean:.3g} {unit}"


def _share(best: StrategyVerdict, reference: StrategyVerdict) -> str:
    return f"{100 * (1 - best.error.mean / reference.error.mean):.0f} %"
