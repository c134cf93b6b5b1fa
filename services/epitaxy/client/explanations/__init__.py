"""Explanations of predictions: values, and how they are drawn."""

from epitaxy.client.explanations.parts import AtomContribution, BondContribution, ConditionContribution
from epitaxy.client.explanations.render import Explanation
from epitaxy.client.explanations.results import (
    ElementContribution,
    Faithfulness,
    NearestMaterial,
    ShellContribution,
    SiteContribution,
)

__all__ = [
    "AtomContribution",
    "BondContribution",
    "ConditionContribution",
    "ElementContribution",
    "Explanation",
    "Faithfulness",
    "NearestMaterial",
    "ShellContribution",
    "SiteContribution",
]
