import json

import pytest

from epitaxy.chassis.tenants import TenantDirectory
from epitaxy.gateway.__main__ import main


def test_a_new_key_and_its_entry_make_a_tenants_file(capsys, tmp_path):
    assert main(["keys", "new", "acme-2"]) == 0
    key, entry = (line.partition(": ")[2] for line in capsys.readouterr().out.splitlines())
    assert list(json.loads(entry)) == ["acme-2"]
    (tmp_path / "tenants.json").write_text(entry)
    assert TenantDirectory.from_file(tmp_path / "tenants.json").authenticate(key) == "acme-2"


@pytest.mark.parametrize("name", ["", "Acme", "-acme", "a b", "a" * 64, "acme\n"])
def test_a_name_that_the_tenants_file_would_refuse_makes_no_key(capsys, name):
    with pytest.raises(SystemExit, match="2"):
        main(["keys", "new", "--", name])
    told = capsys.readouterr()
    assert told.out == ""
    assert "is not a tenant name" in told.err
