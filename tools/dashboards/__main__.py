"""``python -m tools.dashboards [FOLDER]``: writes the dashboards as JSON, into the chart by default."""

import json
import sys
from pathlib import Path

from tools.dashboards.campaigns import CAMPAIGN_LOOPS
from tools.dashboards.finetunes import FINE_TUNES
from tools.dashboards.operations import OPERATIONS
from tools.dashboards.screening import SCREENING
from tools.dashboards.trust import TRUST

CHART = Path(__file__).parents[2] / "charts" / "epitaxy" / "dashboards"
DASHBOARDS = {
    "screening": SCREENING,
    "models-and-trust": TRUST,
    "fine-tunes": FINE_TUNES,
    "campaigns": CAMPAIGN_LOOPS,
    "operations": OPERATIONS,
}


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, dashboard in DASHBOARDS.items():
        (folder / f"{name}.json").write_text(json.dumps(dashboard.model(), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else CHART)
