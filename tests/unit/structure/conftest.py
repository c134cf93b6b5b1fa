import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[3]))  # tools

from tools.structure.rooms import build_graph


@pytest.fixture(scope="session")
def graph():
    """The imports of both source roots."""
    return build_graph()
