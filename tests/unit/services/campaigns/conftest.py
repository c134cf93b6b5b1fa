import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from campaign_rig import CampaignRig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[CampaignRig]:
    made = CampaignRig(tmp_path)
    yield made
    made.close()
