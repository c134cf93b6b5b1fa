"""``epitaxy consortium``: companies that learn one model together and share no row."""

import typer

from epitaxy.cli.consortium.simulate import simulate

consortium_app = typer.Typer(
    name="consortium", help="Learn with other companies, without showing them a row.", no_args_is_help=True
)
consortium_app.command()(simulate)


@consortium_app.callback()
def consortium() -> None:
    """Learn with other companies, without showing them a row."""
