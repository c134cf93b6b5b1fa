"""Which services stand behind the gateway of a stack, and what they are told."""

import io
from importlib import util
from pathlib import Path

import pytest
from rich.console import Console

from epitaxy.campaigns.settings import CampaignSettings
from epitaxy.finetune.settings import FineTuneSettings
from epitaxy.gateway.settings import GatewaySettings
from epitaxy.stack import inner_services
from epitaxy.stack.campaigns import campaigns_command
from epitaxy.stack.finetune import finetune_command
from epitaxy.stack.gateway import gateway_command
from epitaxy.stack.home import StackHome
from epitaxy.stack.inner_services import InnerServices
from epitaxy.stack.plan import StackPlan
from epitaxy.stack.progress import Progress
from epitaxy.stack.reaper import Reaper
from epitaxy.stack.supervisor import PARTS


@pytest.fixture
def plan() -> StackPlan:
    return StackPlan.draw("127.0.0.1", 0)


@pytest.fixture
def home(tmp_path: Path):
    with StackHome(tmp_path / "home") as home:
        yield home


def prepared(plan: StackPlan, home: StackHome) -> tuple[InnerServices, str]:
    """The services, and what the operator reads."""
    output, reaper = io.StringIO(), Reaper()
    try:
        services = InnerServices(plan, home, reaper, Progress(Console(file=output, width=200, markup=False), PARTS))
        services.prepare()
    finally:
        reaper.close()
    return services, output.getvalue()


def test_each_service_has_its_address_and_one_secret_that_only_this_user_reads(plan, home) -> None:
    services, output = prepared(plan, home)
    assert services.addresses == {"finetune": plan.finetune_address, "campaigns": plan.campaigns_address}
    assert output == ""
    assert services.secret.stat().st_mode & 0o777 == 0o600
    assert len(services.secret.read_text()) == 64


def test_a_service_whose_library_is_missing_is_left_out_and_the_others_are_not(plan, home, monkeypatch) -> None:
    monkeypatch.setattr(inner_services, "find_spec", lambda name: None if name == "botorch" else util.find_spec(name))
    services, output = prepared(plan, home)
    assert services.names == ("finetune",)
    assert "botorch is not installed: pip install 'epitaxy[campaign-service]'" in output
    environment = gateway_command(plan, home, services.secret, services.addresses).environment
    assert environment["EPITAXY_GATEWAY_FINETUNE_UPSTREAM"] == plan.finetune_address
    assert not [name for name in environment if "CAMPAIGNS" in name]


def test_campaigns_make_models_by_the_fine_tune_service_if_there_is_one(plan, home) -> None:
    secret = home.run / "secret"
    environment = campaigns_command(plan, home, secret, has_finetune=True).environment
    assert environment["EPITAXY_CAMPAIGNS_FINETUNE_UPSTREAM"] == plan.finetune_address
    alone = campaigns_command(plan, home, secret, has_finetune=False).environment
    assert not [name for name in alone if "FINETUNE" in name]


def test_every_variable_that_a_service_is_given_is_one_that_it_reads(plan, home) -> None:
    services, _ = prepared(plan, home)
    given = (
        (GatewaySettings, gateway_command(plan, home, services.secret, services.addresses)),
        (FineTuneSettings, finetune_command(plan, home, services.secret, "127.0.0.1:1")),
        (CampaignSettings, campaigns_command(plan, home, services.secret, has_finetune=True)),
    )
    for settings, command in given:
        prefix = settings.model_config["env_prefix"]
        names = {name.removeprefix(prefix).lower() for name in command.environment if name.startswith(prefix)}
        assert names
        assert names <= set(settings.model_fields)
