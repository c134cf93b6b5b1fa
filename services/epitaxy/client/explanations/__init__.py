"""Explanations of predictions: values, and how they are drawn."""

from epitaxy.client.explanations.render import Explanation
from epitaxy.client.explanations.results import (
    ElementContribution,
    Faithfulness,
    NearestMaterial,
    ShellContribution,
    SiteContribution,
)

__all__ = [
    "ElementContribution",
    "Explanation",
    "Faithfulness",
    "NearestMaterial",
    "ShellContribution",
    "SiteContribution",
]
