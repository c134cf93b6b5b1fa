"""Several objectives: the hypervolume for the middle of a front, each objective alone for its ends.

A hypervolume is expected to grow by a little nearly everywhere in the middle, and much of what is there to gain lies at
the ends, which only a candidate far from all measured ones extends.
"""

from epitaxy_models.campaigns import botorch_choice, own_choice
from epitaxy_models.campaigns.listed import ShortList

# Of so many choices each objective has one.
_ROUND = 5


def by_front(listed: ShortList, n_wanted: int, seed: int) -> list[tuple[int, float]]:
    """One choice in five for each objective alone, the others by qLogNEHVI; ``seed`` also tells whose turn it is."""
    turns = [(seed + i) % _ROUND for i in range(n_wanted)]
    alone = [turn for turn in turns if turn < len(listed.objectives)]
    chosen: list[tuple[int, float]] = []
    for turn in alone:
        rest = listed.holding([place for place, _ in chosen])
        chosen += own_choice.best_few(rest.only(turn), 1, seed)
    rest = listed.holding([place for place, _ in chosen])
    return chosen + botorch_choice.by_expected_improvement(rest, n_wanted - len(chosen), seed)
