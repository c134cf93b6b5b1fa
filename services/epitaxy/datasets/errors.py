"""Errors of the connectors."""


class FetchError(Exception):
    """The download cannot go on; what came so far stays in the journal."""


class FetchUsageError(FetchError):
    """The request itself is wrong: nothing was downloaded."""
