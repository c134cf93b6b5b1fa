"""Expiry of a certificate, read from its file by the standard library alone (RFC 5280, 4.1)."""

import ssl
from datetime import UTC, datetime

_SEQUENCE, _UTC_TIME, _GENERALIZED_TIME, _EXPLICIT_VERSION = 0x30, 0x17, 0x18, 0xA0
_END = "-----END CERTIFICATE-----"
_BEGIN = "-----BEGIN CERTIFICATE-----"


def expiry_of(pem: bytes) -> datetime:
    """End of validity of the first certificate, which is the server's own. Raises ValueError if there is none."""
    text = pem.decode("ascii", errors="replace")
    start, end = text.find(_BEGIN), text.find(_END)
    if start < 0 or end < start:
        raise ValueError("holds no PEM certificate")
    try:
        return _not_after(ssl.PEM_cert_to_DER_cert(text[start : end + len(_END)]))
    except (IndexError, ValueError) as error:
        raise ValueError("holds a certificate that cannot be read") from error


def _not_after(der: bytes) -> datetime:
    """Certificate > TBSCertificate > Validity > notAfter."""
    certificate = _Reader(_Reader(der).value(_SEQUENCE))
    body = _Reader(certificate.value(_SEQUENCE))
    if body.next_tag == _EXPLICIT_VERSION:
        body.value()
    for _ in ("serialNumber", "signature", "issuer"):
        body.value()
    validity = _Reader(body.value(_SEQUENCE))
    validity.value()
    tag = validity.next_tag
    text = validity.value().decode("ascii")
    if tag == _UTC_TIME:
        # A year of two digits: 50 and above are in the last century.
        text = ("19" if text[:2] >= "50" else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError("the validity is not a time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


class _Reader:
    """Reads DER elements one after another."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def next_tag(self) -> int:
        return self._data[self._at]

    def value(self, tag: int | None = None) -> bytes:
        """The content of the next element. Raises ValueError if it has another tag or is torn."""
        if tag is not None and self.next_tag != tag:
            raise ValueError(f"expected tag {tag:#x}, found {self.next_tag:#x}")
        length, start = self._data[self._at + 1], self._at + 2
        if length & 0x80:
            n_bytes = length & 0x7F
            length, start = int.from_bytes(self._data[start : start + n_bytes]), start + n_bytes
        if start + length > len(self._data):
            raise ValueError("the data ends early")
        self._at = start + length
        return self._data[start : self._at]
