"""Pairwise masks: each pair of members adds and takes away the same secret numbers, which vanish in the sum over all.

Keys are agreed by X25519, expanded by HKDF-SHA-256, and streamed by ChaCha20 (Bonawitz et al., CCS 2017, without the
recovery of members that drop out: a member that is missing ends the round, and its masks never leave the sum).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from epitaxy.consortium.domain.agreement import Agreement
from epitaxy.consortium.domain.errors import AgreementError
from epitaxy.consortium.fixed_point import Ring

_KEY_BYTES, _NONCE_BYTES = 32, 16


@dataclass(frozen=True, slots=True)
class SignedKey:
    """A key of one session, signed by the member's identity.

    Attributes:
        public_key: X25519, hexadecimal.
        signature: Ed25519 over the agreement's digest, the session and the key, hexadecimal.
    """

    public_key: str
    signature: str


@dataclass(slots=True, eq=False)
class SessionKeys:
    """One member's secrets of one session; used once, never stored.

    Attributes:
        agreement: Of the consortium.
        session: Name of the session.
        name: Of the member.
    """

    agreement: Agreement
    session: str
    name: str
    _private: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate, repr=False)
    _shared: dict[str, bytes] = field(default_factory=dict, repr=False)

    def signed(self, identity: Ed25519PrivateKey) -> SignedKey:
        """The public part, signed."""
        public = self._private.public_key().public_bytes_raw()
        return SignedKey(public.hex(), identity.sign(_signed_text(self.agreement, self.session, public)).hex())

    def agree(self, keys: Mapping[str, SignedKey]) -> None:
        """Takes in all members' keys, this one's included.

        Raises AgreementError for a key that its member did not sign, or if this member's own was exchanged.
        """
        identities = {member.name: member.public_key for member in self.agreement.members}
        for name, key in keys.items():
            _check_signature(self.agreement, self.session, name, identities[name], key)
        own = self._private.public_key().public_bytes_raw().hex()
        if self.name not in keys or keys[self.name].public_key != own:
            raise AgreementError(f"{self.name}: the keys of this session do not hold this member's own")
        self._shared = {
            name: self._private.exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(key.public_key)))
            for name, key in keys.items()
            if name != self.name
        }

    def mask(self, step: str, length: int) -> Ring:
        """The sum of this member's masks of one step, ``[length]``. Every step has its own."""
        members = json.dumps(sorted([self.name, *self._shared]))
        total = np.zeros(length, dtype=np.uint64)
        for other, secret in self._shared.items():
            stream = _stream(secret, self.agreement.digest, f"{self.session} {step} {members}", length)
            total = total + stream if self.name < other else total - stream
        return total


def key_of(identity: Ed25519PrivateKey) -> str:
    """The public part as an agreement has it."""
    return identity.public_key().public_bytes_raw().hex()


def _signed_text(agreement: Agreement, session: str, public: bytes) -> bytes:
    return hashlib.sha256(f"{agreement.digest} {session} ".encode() + public).digest()


def _check_signature(agreement: Agreement, session: str, name: str, identity: str, key: SignedKey) -> None:
    try:
        verifier = Ed25519PublicKey.from_public_bytes(bytes.fromhex(identity))
        text = _signed_text(agreement, session, bytes.fromhex(key.public_key))
        verifier.verify(bytes.fromhex(key.signature), text)
    except (InvalidSignature, ValueError) as error:
        message = f"the key of {name} is not signed by {name}: somebody between the members exchanged it"
        raise AgreementError(message, reason="FORGED_KEY") from error


def _stream(secret: bytes, digest: str, info: str, length: int) -> Ring:
    derived = HKDF(SHA256(), _KEY_BYTES + _NONCE_BYTES, bytes.fromhex(digest), info.encode()).derive(secret)
    cipher = Cipher(ChaCha20(derived[:_KEY_BYTES], derived[_KEY_BYTES:]), mode=None)
    return np.frombuffer(cipher.encryptor().update(bytes(8 * length)), dtype=np.uint64)
