"""How far conditions lie from those of the labels."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from epitaxy_models.calibration.geometry import worse
from epitaxy_models.calibration.verdict import DomainScore, DomainVerdict
from epitaxy_models.transfer.conditions.condition import Condition, Values

# Numbers beyond the labels' range by this share of it, or of their size, are far outside.
_BEYOND, _OF_SIZE = 0.1, 0.02


def remark(condition: Condition, value: object) -> str:
    """Why the labels say little about a value; empty where they do, or where the value is unknown."""
    if condition.is_category:
        if value is None or value in condition.categories:
            return ""
        return f"no label has {condition.name} {str(value)[:40]!r}, only {condition.covered}"
    low, high = condition.low, condition.high
    if not isinstance(value, float) or low is None or high is None:
        return ""
    margin = max(_BEYOND * (high - low), _OF_SIZE * max(abs(low), abs(high)))
    # An unknown number compares as False.
    if value < low - margin or value > high + margin:
        unit = f" {condition.unit}" if condition.unit else ""
        return f"{condition.name} is {value:g}{unit}, and the labels cover {condition.covered}"
    return ""


def with_conditions(
    domains: Sequence[DomainScore], conditions: Sequence[Condition], values: Mapping[str, Values]
) -> tuple[DomainScore, ...]:
    """Verdicts, at best BORDERLINE for rows under conditions that the labels do not cover."""
    told: list[list[str]] = [[] for _ in domains]
    for condition in conditions:
        for row, value in enumerate(values[condition.name].tolist() if condition.name in values else ()):
            told[row] += [text] if (text := remark(condition, value)) else []
    return tuple(_joined(score, texts) for score, texts in zip(domains, told, strict=True))


def _joined(score: DomainScore, texts: Sequence[str]) -> DomainScore:
    if not texts:
        return score
    is_worse = worse(score.verdict, DomainVerdict.BORDERLINE)
    verdict = DomainVerdict.BORDERLINE if is_worse else score.verdict
    return replace(score, verdict=verdict, reason="; ".join([*([score.reason] if score.reason else []), *texts]))
