"""Errors of the connectors."""


class FetchError(Exception):
    """The download cannot continue. What was downloaded so far stays in the journal."""


class FetchUsageError(FetchError):
    """The request itself is wrong: nothing was downloaded."""
