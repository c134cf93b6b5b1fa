"""Why the local stack could not start or go on."""


class StackError(Exception):
    """One line for the operator: what failed, and what to do."""
