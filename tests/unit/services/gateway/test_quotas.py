import pytest

from epitaxy.chassis.errors import OverloadedError, QuotaExceededError
from epitaxy.chassis.tenants import TenantLimits
from epitaxy.gateway.quotas import TenantQuotas


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def quotas(clock):
    limits = {"acme": TenantLimits(structures_per_minute=60, max_concurrent_screens=2), "globex": TenantLimits()}
    return TenantQuotas(limits, max_screens=3, clock=clock)


def test_an_allowance_lasts_a_minute_and_refills_steadily(quotas, clock):
    quotas.take_structures("acme", 60)
    with pytest.raises(QuotaExceededError, match="60 structures per minute") as caught:
        quotas.take_structures("acme", 1)
    assert caught.value.retry_after_seconds == pytest.approx(1.0)
    assert caught.value.subject == "tenant:acme"
    clock.now += 1.0
    quotas.take_structures("acme", 1)


def test_waiting_as_hinted_is_enough(quotas, clock):
    quotas.take_structures("acme", 512)  # more than a minute's worth passes once, and is paid off
    with pytest.raises(QuotaExceededError, match="used up") as caught:
        quotas.take_structures("acme", 512)
    assert caught.value.retry_after_seconds == pytest.approx(512 - 60 + 1)
    clock.now += caught.value.retry_after_seconds
    quotas.take_structures("acme", 512)


def test_an_idle_hour_saves_up_no_more_than_a_minute(quotas, clock):
    quotas.take_structures("acme", 1)
    clock.now += 3600
    quotas.take_structures("acme", 60)
    with pytest.raises(QuotaExceededError, match="used up"):
        quotas.take_structures("acme", 1)


def test_tenants_without_limits_have_none(quotas):
    quotas.take_structures("globex", 10**9)
    quotas.take_structures("local", 10**9)


def test_a_screen_slot_is_freed_also_after_a_failure(quotas):
    with pytest.raises(RuntimeError, match="lost"), quotas.screen_slot("acme"):
        raise RuntimeError("lost")
    with quotas.screen_slot("acme"), quotas.screen_slot("acme"):
        assert_turned_away(quotas, "acme", QuotaExceededError, "2 concurrent screens")
    with quotas.screen_slot("acme"):
        pass


def test_all_tenants_together_share_the_gateways_slots(quotas):
    with quotas.screen_slot("acme"), quotas.screen_slot("acme"), quotas.screen_slot("globex"):
        assert_turned_away(quotas, "globex", OverloadedError, "too many screens")


def assert_turned_away(quotas, tenant, error, text):
    with pytest.raises(error, match=text), quotas.screen_slot(tenant):
        pass


def test_what_a_tenant_uses_is_told_as_it_is_used_and_refilled():
    now = [0.0]
    limits = {"acme": TenantLimits(structures_per_minute=60, max_concurrent_screens=9, weight=2.0)}
    quotas = TenantQuotas(limits, max_screens=4, clock=lambda: now[0], default_screens=1)
    quotas.take_structures("acme", 50)
    with quotas.screen_slot("acme"):
        use = quotas.use_of("acme")
    assert (use.open_screens, use.max_open_screens) == (1, 4), "no more than the gateway has"
    assert (use.structures_per_minute, use.structures_left, use.weight) == (60, 10, 2.0)
    now[0] = 20.0
    assert (quotas.use_of("acme").open_screens, quotas.use_of("acme").structures_left) == (0, 30)
    quotas.take_structures("acme", 100)
    assert quotas.use_of("acme").structures_left == 0, "what is owed is not shown as less than nothing"
    other = quotas.use_of("other")
    assert (other.max_open_screens, other.structures_per_minute, other.structures_left) == (1, None, None)
