"""A campaign's record as one page for people."""

from epitaxy_models.campaigns.report.page import render_page

__all__ = ["render_page"]
