"""Explanations as the client gives them back, drawn and written as a page."""

from epitaxy.client.explanations.explanation import (
    ElementContribution,
    Explanation,
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
