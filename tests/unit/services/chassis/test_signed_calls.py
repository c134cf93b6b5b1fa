"""A signature says who calls for whom, what, and when; change any of it and it is worth nothing."""

import pytest

from epitaxy.chassis.errors import UnauthenticatedError
from epitaxy.chassis.signed_calls import SIGNATURE_HEADER, VALID_SECONDS, check_signature, is_signed, signed

SECRET, NOW = "open sesame", 1_800_000_000.0


def metadata(tenant="acme", method="Evaluate", secret=SECRET, now=NOW):
    return {"x-tenant": tenant, **dict(signed(secret, tenant, method, now))}


def test_a_signed_call_is_believed_for_a_few_minutes():
    for age in (0, VALID_SECONDS - 1, -VALID_SECONDS + 1):
        check_signature(SECRET, metadata(), "Evaluate", NOW + age)
    for age in (VALID_SECONDS + 2, -VALID_SECONDS - 2):
        with pytest.raises(UnauthenticatedError, match="only the gateway may call"):
            check_signature(SECRET, metadata(), "Evaluate", NOW + age)


def test_the_secret_does_not_travel_and_without_one_nothing_is_signed():
    assert not any(SECRET in value for value in metadata().values())
    assert signed("", "acme", "Evaluate") == ()


def test_a_call_for_another_tenant_method_or_time_is_not_believed():
    taken = metadata()
    version, at, signature = taken[SIGNATURE_HEADER].split(".")
    assert is_signed(SECRET, taken, "Evaluate", NOW)
    forgeries = [
        taken | {"x-tenant": "globex"},
        taken | {"x-tenant": ""},
        metadata(secret="guess"),
        metadata(secret="x" * 64),
        {"x-tenant": "acme"},
        *(
            taken | {SIGNATURE_HEADER: text}
            for text in (
                "",
                f"v2.{at}.{signature}",
                f"{version}.{int(at) + 1}.{signature}",
                f"{version}.{at}.",
                f"{version}.{at}.{signature[:-1]}",
                f"{version}.{'9' * 5000}.{signature}",
                f"{version}.-1.{signature}",
                f"{version}.\N{SUPERSCRIPT TWO}.{signature}",
            )
        ),
    ]
    assert not any(is_signed(SECRET, forged, "Evaluate", NOW) for forged in forgeries)
    assert not is_signed(SECRET, taken, "EmbedBlock", NOW)
    # An empty secret is none: it would sign for everybody.
    assert not is_signed(SECRET, metadata(secret="\0"), "Evaluate", NOW)
