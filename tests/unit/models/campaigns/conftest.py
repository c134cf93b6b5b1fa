import pytest
from campaign_worlds import World, make_world


@pytest.fixture(scope="session")
def world() -> World:
    return make_world()
