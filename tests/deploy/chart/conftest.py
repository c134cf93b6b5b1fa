import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

pytest.importorskip("helm_python", reason="the package helm-python-sdk is not installed")

from rendering import PROFILES, SWITCHES, combined, profile, render

PAIRS = [(one, other) for one in PROFILES[1:] for other in PROFILES[1:] if one != other]
CASES = {
    **{f"profile {name or 'default'}": profile(name) for name in PROFILES},
    **{f"profiles {one} and {other}": combined(profile(one), profile(other)) for one, other in PAIRS},
    **SWITCHES,
}


@pytest.fixture(scope="session", params=CASES, ids=lambda name: name.replace(" ", "-"))
def manifests(request):
    """Everything that one set of values renders to."""
    return render(CASES[request.param])
