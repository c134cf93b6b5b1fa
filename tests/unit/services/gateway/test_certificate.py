import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from epitaxy.gateway.secrets.certificate import expiry_of


def made_by_openssl(folder, days):
    if shutil.which("openssl") is None:
        pytest.skip("makes its certificate with the openssl command, which is not installed")
    path = folder / f"{days}.crt"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    command += ["-days", str(days), "-keyout", str(folder / "tls.key"), "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    printed = subprocess.run(
        ["openssl", "x509", "-enddate", "-noout", "-in", str(path)], check=True, capture_output=True, text=True
    )
    expected = datetime.strptime(printed.stdout.strip(), "notAfter=%b %d %H:%M:%S %Y %Z").replace(tzinfo=UTC)
    return path.read_bytes(), expected


# From 2050 on the standard writes years with four digits, in a type of their own.
@pytest.mark.parametrize("days", [1, 20_000])
def test_the_expiry_is_the_one_that_openssl_prints(tmp_path, days):
    pem, expected = made_by_openssl(tmp_path, days)
    assert expiry_of(pem) == expected
    assert abs(expected - datetime.now(UTC) - timedelta(days=days)) < timedelta(minutes=5)


def test_of_a_chain_the_first_certificate_counts(tmp_path):
    pem, expected = made_by_openssl(tmp_path, 3)
    assert expiry_of(b"leaf first\n" + pem + made_by_openssl(tmp_path, 700)[0]) == expected


@pytest.mark.parametrize(
    ("pem", "complaint"),
    [
        (b"", "holds no PEM certificate"),
        (b"-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n", "cannot be read"),
        (b"-----BEGIN CERTIFICATE-----\nMIIDdTCCAl2gAwIBAgIL\n-----END CERTIFICATE-----\n", "cannot be read"),
    ],
)
def test_what_is_no_certificate_is_refused(pem, complaint):
    with pytest.raises(ValueError, match=complaint):
        expiry_of(pem)
