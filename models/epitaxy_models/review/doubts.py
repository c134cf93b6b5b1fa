"""Doubts about the structure itself: what intake had to choose before a model saw it.

They are judged for each input and not for each structure: two files can be read as one structure, and one of them with
a doubt.
"""

from collections.abc import Iterable, Iterator

from epitaxy_models.review.decision import FiredRule, ReviewVerdict
from epitaxy_models.structures.intake import DOUBTFUL_CODES, Note, Repair

DOUBTFUL_STRUCTURE = "DOUBTFUL_STRUCTURE"


def doubts_of(repairs: Iterable[Repair], notes: Iterable[Note]) -> Iterator[FiredRule]:
    """One rule, REVIEW, for each repair or note after which a person should look at the structure."""
    findings: list[Repair | Note] = [*repairs, *notes]
    for one in findings:
        if one.code in DOUBTFUL_CODES:
            yield FiredRule(ReviewVerdict.REVIEW, DOUBTFUL_STRUCTURE, f"{one.code}: {one.message}")
