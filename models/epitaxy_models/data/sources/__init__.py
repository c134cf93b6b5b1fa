"""Readers of local data sets, one a format; ``open_source`` picks."""

from epitaxy_models.data.sources.opening import open_source

__all__ = ["open_source"]
