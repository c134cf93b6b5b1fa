"""Campaigns: which candidates to measure next, and when to stop.

The main path: ``Planner.recommend`` takes ``Knowledge`` of a pool (``PoolBlocks``) and gives a batch of ``Choice``;
``advise`` says whether the next batch pays; ``Prequential`` says whether predictions held; ``simulate`` plays a
finished data set again.
"""

from epitaxy_models.campaigns.acquisition import AcquisitionName
from epitaxy_models.campaigns.advice import Advice, advise
from epitaxy_models.campaigns.best import Best
from epitaxy_models.campaigns.choice import Choice, Neighbor
from epitaxy_models.campaigns.heads import HeadAnswer, head_answer
from epitaxy_models.campaigns.knowledge import Knowledge
from epitaxy_models.campaigns.objective import Goal, Limit, Objective
from epitaxy_models.campaigns.planner import Planner
from epitaxy_models.campaigns.pool_blocks import PoolBlocks, PoolWriter
from epitaxy_models.campaigns.prequential import Coverage, Prediction, Prequential
from epitaxy_models.campaigns.simulation import Found, History, simulate
from epitaxy_models.campaigns.start import Start, StartName

__all__ = [
    "AcquisitionName",
    "Advice",
    "Best",
    "Choice",
    "Coverage",
    "Found",
    "Goal",
    "HeadAnswer",
    "History",
    "Knowledge",
    "Limit",
    "Neighbor",
    "Objective",
    "Planner",
    "PoolBlocks",
    "PoolWriter",
    "Prediction",
    "Prequential",
    "Start",
    "StartName",
    "advise",
    "head_answer",
    "simulate",
]
