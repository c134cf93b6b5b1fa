"""Rows of earlier rounds, by digest: two sums whose rows differ by a few give these few away."""

import hashlib
from dataclasses import dataclass, field

from epitaxy.consortium.domain.errors import QuorumError
from epitaxy_models.federated.rows import MemberRows

LEAST_CHANGED_ROWS = 10


@dataclass(slots=True)
class RowCommitment:
    """What a member keeps of the rows that its earlier rounds were made of; it never leaves the member."""

    _rounds: list[frozenset[bytes]] = field(default_factory=list)

    def commit(self, rows: MemberRows) -> None:
        """Remembers these rows. Raises QuorumError (FEW_ROWS_CHANGED) if they are nearly those of an earlier round."""
        counted: dict[bytes, int] = {}
        found = set()
        for features, label in zip(rows.features, rows.labels, strict=True):
            digest = hashlib.sha256(features.tobytes() + label.tobytes()).digest()
            counted[digest] = counted.get(digest, 0) + 1
            found.add(digest + counted[digest].to_bytes(4, "little"))
        for before in self._rounds:
            n_changed = len(found ^ before)
            if 0 < n_changed < LEAST_CHANGED_ROWS:
                raise QuorumError(
                    f"{n_changed} rows changed since an earlier round: the difference of the two sums would give them "
                    f"away. Wait until {LEAST_CHANGED_ROWS} have changed, or take part with the same rows",
                    reason="FEW_ROWS_CHANGED",
                )
        self._rounds.append(frozenset(found))
