"""``epitaxy campaign``: what to measure next, from the pool to the report."""

import typer

from epitaxy.cli.campaign import manage, results
from epitaxy.cli.campaign.create import add, create
from epitaxy.cli.campaign.export import export
from epitaxy.cli.campaign.recommend import recommend
from epitaxy.cli.campaign.simulate import simulate

campaign_app = typer.Typer(
    name="campaign", help="Find out what to measure next, and when to stop.", no_args_is_help=True
)
campaign_app.command()(create)
campaign_app.command()(recommend)
campaign_app.command()(results.report)
campaign_app.command()(manage.status)
campaign_app.command("list")(manage.list_campaigns)
campaign_app.command()(manage.watch)
campaign_app.command()(export)
campaign_app.command()(simulate)
campaign_app.command()(manage.release)
campaign_app.command()(manage.pause)
campaign_app.command()(manage.resume)
campaign_app.command()(manage.close)
campaign_app.command()(manage.delete)
campaign_app.command()(add)
campaign_app.command()(manage.exclude)
campaign_app.command()(results.correct)
campaign_app.command()(manage.objective)
campaign_app.command()(manage.promote)


@campaign_app.callback()
def campaign() -> None:
    """Find out what to measure next, and when to stop."""
