"""Regenerates services/epitaxy/api from protos/ (`make generate`)."""

import re
import shutil
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
TARGET = ROOT / "services" / "epitaxy" / "api"
# The builder sets this as the messages' module, by which they are pickled.
PROTO_MODULE = re.compile(r"'epitaxy\.(?!api\.)(\w+\.v1\.\w+_pb2)'")
# protoc writes imports after the proto path (epitaxy.common.v1); the stubs live in epitaxy.api.
PROTO_IMPORT = re.compile(r"^(from|import) epitaxy\.(?!api\.)(\w+\.v1\b)", re.MULTILINE)


def generate(target: Path) -> None:
    sources = sorted(str(path) for path in PROTOS.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as scratch:
        arguments = [f"-I{PROTOS}", f"-I{files('grpc_tools') / '_proto'}"]
        outputs = [f"--{kind}_out={scratch}" for kind in ("python", "pyi", "grpc_python")]
        if protoc.main(["protoc", *arguments, *outputs, *sources]) != 0:
            sys.exit("protoc failed")
        generated = Path(scratch) / "epitaxy"
        for path in sorted([*generated.rglob("*.py"), *generated.rglob("*.pyi")]):
            text = PROTO_IMPORT.sub(r"\1 epitaxy.api.\2", path.read_text())
            path.write_text(PROTO_MODULE.sub(r"'epitaxy.api.\1'", text))
        for folder in sorted(path for path in generated.rglob("*") if path.is_dir()):
            (folder / "__init__.py").touch()
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(generated, target)
        (target / "__init__.py").write_text('"""Generated gRPC stubs: do not edit, run `make generate`."""\n')


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
