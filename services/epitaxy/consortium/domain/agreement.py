"""What members agree on before the first round: nobody can change a word of it later."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from epitaxy.consortium.domain.errors import AgreementError
from epitaxy_models.federated.columns import FEATURE_VERSION, AgreedCategory, AgreedCondition, AgreedRange
from epitaxy_models.federated.settings import METHOD_VERSION, MethodSettings

PROTOCOL_VERSION = "consortium-1"
LEAST_MEMBERS = 3
"""With two members a sum gives each of them the other's part."""


@dataclass(frozen=True, slots=True)
class MemberIdentity:
    """One member.

    Attributes:
        name: Within the consortium.
        public_key: Ed25519, 64 hexadecimal digits, which members give each other outside of the consortium's network:
            whoever runs the coordinator cannot put a key of its own in the place of a member's.
    """

    name: str
    public_key: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """All terms of a consortium.

    Attributes:
        name: Of the consortium.
        target: What is learned, with its unit and the range of values that are believed.
        conditions: Under which labels were measured.
        members: All members, ordered by name.
        settings: Of the method.
        quorum: Fewest members of a sum; 0 for all.
        noise_multiplier: Noise of every release over its sensitivity to one row; 0 for none.
        epsilon_budget: Most privacy that a member's row may lose over all releases; 0 for no limit.
        delta: Of epsilon.
    """

    name: str
    target: AgreedRange
    conditions: tuple[AgreedCondition, ...]
    members: tuple[MemberIdentity, ...]
    settings: MethodSettings = field(default_factory=MethodSettings)
    quorum: int = 0
    noise_multiplier: float = 0.0
    epsilon_budget: float = 0.0
    delta: float = 1e-5

    def __post_init__(self) -> None:
        names = [member.name for member in self.members]
        if len(names) < LEAST_MEMBERS:
            raise AgreementError(f"a consortium has at least {LEAST_MEMBERS} members, {len(names)} are named")
        if names != sorted(set(names)):
            raise AgreementError("name each member once, in order")
        if len({member.public_key for member in self.members}) < len(names):
            raise AgreementError("two members have one key")
        if self.quorum and not LEAST_MEMBERS <= self.quorum <= len(names):
            raise AgreementError(f"the quorum is {LEAST_MEMBERS} to {len(names)} members, or 0 for all")
        if self.noise_multiplier < 0 or self.epsilon_budget < 0 or not 0 < self.delta < 1:
            raise AgreementError("noise and budget are 0 or more, and delta is between 0 and 1")
        if self.epsilon_budget and not self.noise_multiplier:
            raise AgreementError("without noise no budget of epsilon can be kept: agree on a noise multiplier")
        if self.noise_multiplier and self.settings.rounds:
            raise AgreementError(
                "nothing bounds what one row changes in a round of networks: with noise, agree on 0 rounds, which "
                "leaves one sum for the ridge"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all members."""
        return tuple(member.name for member in self.members)

    @property
    def least_members(self) -> int:
        """Fewest members of a sum."""
        return self.quorum or len(self.members)

    @property
    def digest(self) -> str:
        """SHA-256 of every term and version, hexadecimal: members with different digests do not work together."""
        return hashlib.sha256(json.dumps(self.as_json(), sort_keys=True).encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """Plain containers, with the versions that this code speaks."""
        versions = {"protocol": PROTOCOL_VERSION, "features": FEATURE_VERSION, "method": METHOD_VERSION}
        return asdict(self) | {"versions": versions}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Agreement":
        """Reads one. Raises AgreementError for other versions, or a record that is no agreement."""
        versions = {"protocol": PROTOCOL_VERSION, "features": FEATURE_VERSION, "method": METHOD_VERSION}
        if record.get("versions") != versions:
            raise AgreementError(f"the agreement is of {record.get('versions')}, this member speaks {versions}")
        try:
            terms = {key: value for key, value in record.items() if key != "versions"}
            terms["target"] = AgreedRange(**record["target"])
            terms["conditions"] = tuple(_condition(entry) for entry in record["conditions"])
            terms["members"] = tuple(MemberIdentity(**entry) for entry in record["members"])
            terms["settings"] = MethodSettings(**record["settings"])
            return cls(**terms)
        except (KeyError, TypeError) as error:
            raise AgreementError(f"the agreement lacks a term, or has one too many: {error}") from error


def _condition(record: Mapping[str, Any]) -> AgreedCondition:
    if "values" in record:
        return AgreedCategory(record["name"], tuple(record["values"]))
    return AgreedRange(**record)
