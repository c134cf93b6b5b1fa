import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from consortium_rig import ConsortiumRig


@pytest.fixture
def rig() -> Iterator[ConsortiumRig]:
    made = ConsortiumRig()
    yield made
    made.close()
