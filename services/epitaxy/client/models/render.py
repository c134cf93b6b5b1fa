"""Cards of models as a notebook shows them."""

from epitaxy.client.models import cards
from epitaxy.client.notebook.markup import facts, paragraph, table, view


class ModelCard(cards.ModelCard):
    """A model version, which shows itself in a notebook."""

    __slots__ = ()
    __doc__ = cards.ModelCard.__doc__

    def _repr_html_(self) -> str:
        aliases = f"({', '.join(self.aliases)})" if self.aliases else ""
        return view(
            f"{self.name}:{self.version}", aliases, paragraph(self.description), _properties(self), _origin(self)
        )


def _properties(card: cards.ModelCard) -> str:
    rows = ((one.name, one.unit, one.level_of_theory, _metrics(one)) for one in card.properties)
    return table(("property", "unit", "level of theory", "on held-out structures"), rows)


def _metrics(card: cards.PropertyCard) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in card.metrics.items())


def _origin(card: cards.ModelCard) -> str:
    data = card.training_data
    conditions = {"conditions": "; ".join(f"{one.name}: {one.covered}" for one in card.conditions)}
    return facts(
        {
            "trained on": f"{data.name}: {data.n_train} structures" if data.name else f"{data.n_train} structures",
            "networks": card.n_members,
            "elements": len(card.supported_elements),
            "license": card.license,
            "digest": card.digest,
            **(conditions if card.conditions else {}),
        }
    )
