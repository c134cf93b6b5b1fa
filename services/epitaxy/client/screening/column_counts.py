"""Columns of answers counted by outcome."""

from collections import Counter
from collections.abc import Mapping
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from epitaxy.client.screening.columns import ANSWERED, FAILED, REFUSED, Findings, ScreenColumns
from epitaxy.client.screening.summary import BlockCounts

_OUTCOMES = {ANSWERED: "answered", REFUSED: "refused", FAILED: "failed"}


def counts_of(answers: ScreenColumns) -> BlockCounts:
    """The counts of a summary."""
    are_answered = answers.outcomes == ANSWERED
    reasons = Counter(answers.texts[code] or "UNKNOWN" for code in answers.errors.codes.tolist())
    return BlockCounts(
        ids=answers.ids,
        outcomes=_named(answers.outcomes, _OUTCOMES),
        cache_hits=int(answers.cache_hits[are_answered].sum()),
        reasons=reasons,
        domain_verdicts=_named(answers.domain_verdicts[are_answered], answers.verdict_names),
        review_verdicts=_named(answers.review_verdicts[are_answered], {**answers.review_names, 0: ""}),
        repairs=codes_of(answers, answers.repairs),
        notes=codes_of(answers, answers.notes),
        first=lambda most: list(islice(answers.results(), most)),
    )


def codes_of(answers: ScreenColumns, findings: Findings) -> Mapping[str, int]:
    """Structures by code; one with a code several times counts once."""
    if not len(findings.rows):
        return {}
    pairs = set(zip(findings.rows.tolist(), findings.codes.tolist(), strict=True))
    return Counter(answers.texts[code] for _, code in pairs)


def _named(numbers: NDArray[np.uint8], names: Mapping[int, str]) -> dict[str, int]:
    counts = np.bincount(numbers).tolist()
    return {names.get(number, str(number)): count for number, count in enumerate(counts) if count}
