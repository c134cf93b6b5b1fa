"""Whose vectors may be added: enough members, and no sum whose members differ by one from another's."""

from collections.abc import Iterable

from epitaxy.consortium.domain.agreement import LEAST_MEMBERS, Agreement
from epitaxy.consortium.domain.errors import QuorumError


def check_members(agreement: Agreement, members: Iterable[str], earlier: Iterable[frozenset[str]]) -> frozenset[str]:
    """The members of a sum, if it may be opened.

    Args:
        agreement: Of the consortium.
        members: Whose vectors would be added.
        earlier: Members of each sum that was opened before.

    Raises:
        QuorumError: Too few, a stranger, or the difference to an earlier sum would be one member's vector.
    """
    found = frozenset(members)
    strangers = sorted(found - set(agreement.names))
    if strangers:
        raise QuorumError(f"{', '.join(strangers)}: not members of {agreement.name}", reason="STRANGER")
    least = max(agreement.least_members, LEAST_MEMBERS)
    if len(found) < least:
        raise QuorumError(f"{len(found)} members answered: a sum needs {least}")
    for before in earlier:
        if len(found ^ before) == 1:
            (one,) = found ^ before
            message = f"the members differ by {one} alone from those of an earlier sum: the difference would be {one}'s"
            raise QuorumError(message, reason="DIFFERENCING")
    return found
