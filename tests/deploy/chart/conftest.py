import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

pytest.importorskip("helm_python", reason="the package helm-python-sdk is not installed")
