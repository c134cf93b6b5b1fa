"""What a consortium needs from outside."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class Federation(Protocol):
    """Carries messages between the coordinator and members. It knows nothing of what they say.

    Implementations are tested by one suite of contracts.
    """

    @property
    def names(self) -> Sequence[str]:
        """Members that can be asked."""

    def exchange(self, messages: Mapping[str, bytes], timeout_s: float) -> Mapping[str, bytes]:
        """Sends each member its message, and waits for the answers of all.

        An implementation MUST give either the answers of all members, or none; an answer MUST be that of its member to
        this very message; it MUST end within ``timeout_s`` and a second.

        Raises:
            MemberMissingError: A member did not answer in time, has gone, or is not known. Names it.
        """

    def close(self) -> None:
        """Lets members go. May be called twice."""
