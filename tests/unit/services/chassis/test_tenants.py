import json

import pytest

from epitaxy.chassis.api_keys import KeyHash, new_api_key
from epitaxy.chassis.errors import UnauthenticatedError
from epitaxy.chassis.tenants import TenantDirectory, TenantLimits
from epitaxy_models.errors import ConfigurationError

GOOD_HASH = str(KeyHash.of(new_api_key()))


def directory_of(tmp_path, content):
    path = tmp_path / "tenants.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return TenantDirectory.from_file(path)


def test_each_of_a_tenants_keys_finds_it(tmp_path):
    keys = [new_api_key() for _ in range(3)]
    hashes = [str(KeyHash.of(key)) for key in keys]
    tenants = {"acme": {"key_hashes": hashes[:2], "structures_per_minute": 100}, "globex": {"key_hashes": hashes[2:]}}
    directory = directory_of(tmp_path, tenants)
    assert [directory.authenticate(key) for key in keys] == ["acme", "acme", "globex"]
    assert directory.limits["acme"].structures_per_minute == 100
    assert directory.limits["globex"].max_concurrent_screens is None
    assert isinstance(directory.limits["acme"], TenantLimits)


def test_a_stored_hash_does_not_contain_the_secret():
    key = new_api_key()
    assert key.split("_", 2)[2] not in str(KeyHash.of(key))


def test_keys_differ():
    assert len({new_api_key() for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "spoil", [lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"), lambda key: key[:-1], str.upper]
)
def test_a_key_that_differs_in_one_place_is_refused(tmp_path, spoil):
    key = new_api_key()
    directory = directory_of(tmp_path, {"acme": {"key_hashes": [str(KeyHash.of(key))]}})
    with pytest.raises(UnauthenticatedError, match="the API key is not valid"):
        directory.authenticate(spoil(key))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "the whole file: Invalid JSON"),
        ({"Acme Inc": {"key_hashes": [GOOD_HASH]}}, "should match pattern"),
        ({"acme": {"key_hashes": []}}, r"acme\.key_hashes"),
        ({"acme": {"key_hashes": ["plain-text-key"]}}, r"acme\.key_hashes\.0: .*a key hash reads blake2b:"),
        ({"acme": {"key_hashes": [GOOD_HASH], "structures_per_minute": 0}}, r"acme\.structures_per_minute"),
        ({"acme": {"key_hashes": [GOOD_HASH], "structures_per_min": 5}}, r"acme\.structures_per_min: Extra"),
        ({"acme": {"key_hashes": [GOOD_HASH]}, "globex": {"key_hashes": [GOOD_HASH]}}, "appears twice"),
        ("", "the whole file: is empty"),
        ("{}", "names no tenant"),
        (f'{{"acme": {{"key_hashes": ["{GOOD_HASH}"]}}, "acme": {{"key_hashes": []}}}}', "'acme' is named twice"),
        ({"acme": {}}, "are all empty, so nobody could call"),
        ({"acme": {"keys": [{"hash": GOOD_HASH, "expires_at": "2027-01-01T00:00:00"}]}}, r"expires_at: .*timezone"),
        ({"acme": {"keys": [{"hash": GOOD_HASH, "scopes": ["everything"]}]}}, r"keys\.0\.scopes"),
        ("[" * 100_000, "Invalid JSON"),
    ],
)
def test_a_wrong_tenants_file_is_refused_with_its_place_and_without_its_values(tmp_path, content, problem):
    with pytest.raises(ConfigurationError, match=problem) as caught:
        directory_of(tmp_path, content)
    assert "plain-text-key" not in str(caught.value)


def test_a_missing_tenants_file_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        TenantDirectory.from_file(tmp_path / "absent.json")
