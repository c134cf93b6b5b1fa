"""Cheap students of an ensemble: what its answers should be, from composition and volume alone."""

from epitaxy_models.search.adapting import adapted_students
from epitaxy_models.search.columns import CandidateColumns
from epitaxy_models.search.files import has_students, load_students, save_students
from epitaxy_models.search.students import ENDS, Stage, Students, StudentScores

__all__ = [
    "ENDS",
    "CandidateColumns",
    "Stage",
    "StudentScores",
    "Students",
    "adapted_students",
    "has_students",
    "load_students",
    "save_students",
]
