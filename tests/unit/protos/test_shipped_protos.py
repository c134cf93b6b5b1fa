"""The wheel holds the public protos, from which clients in other languages make their stubs."""

import zipfile
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[3]


def test_the_wheel_holds_every_public_proto_and_no_internal_one(tmp_path: Path) -> None:
    [wheel] = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        shipped = {
            name.removeprefix("epitaxy/protos/"): archive.read(name)
            for name in archive.namelist()
            if name.endswith(".proto")
        }
    public = {
        path.relative_to(ROOT / "protos").as_posix(): path.read_bytes()
        for path in (ROOT / "protos").rglob("*.proto")
        if "internal" not in path.parts
    }
    assert shipped == public
