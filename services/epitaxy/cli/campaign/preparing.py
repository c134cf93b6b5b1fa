"""What a command waits for while the server featurizes a pool, on stderr."""

from epitaxy.cli.data.progress import show_rows
from epitaxy.cli.terminal import stderr_console
from epitaxy.client import Campaign, Client


def wait_for_pool(client: Client, name: str) -> Campaign:
    """Shows how far the pool has come until it is ready, and returns the campaign.

    Raises InvalidRequestError with the campaign's own reason if the pool cannot be used.
    """
    campaign = client.campaigns.get(name)
    if not campaign.is_preparing and campaign.failure is None:
        return campaign
    with show_rows(stderr_console(), "featurizing", campaign.pool.n_candidates) as report:

        def tell(now: Campaign) -> None:
            report.at(now.pool.n_ready, now.pool.n_candidates)

        return client.campaigns.wait_until_ready(name, on_progress=tell)
