"""Templates of pages, with the one style that all of them share."""

from collections.abc import Callable
from importlib.resources import files

from jinja2 import ChoiceLoader, Environment, FunctionLoader, StrictUndefined, Template


def page_template(package: str, name: str = "page.html.j2") -> Template:
    """A package's own template; what it renders is escaped, and a name that it lacks is an error."""
    loader = ChoiceLoader([FunctionLoader(_reader(package)), FunctionLoader(_reader(__package__))])
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, loader=loader
    )
    environment.filters |= {"number": number_text}
    return environment.get_template(name)


def number_text(value: float) -> str:
    """Three digits that count."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _reader(package: str) -> Callable[[str], str | None]:
    def read(name: str) -> str | None:
        path = files(package).joinpath(name)
        return path.read_text(encoding="utf-8") if path.is_file() else None

    return read
