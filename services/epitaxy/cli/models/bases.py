"""Text for the shared model that a model of your own was fitted on."""

from collections.abc import Iterable

from epitaxy.client import ModelCard


def base_text(card: ModelCard) -> str:
    """As `BaseModel.in_words`; empty for the shared model itself."""
    return "" if card.base is None else card.base.in_words()


def models_on_earlier(cards: Iterable[ModelCard]) -> list[ModelCard]:
    """Models that go on to be served on an earlier shared model than new ones are fitted on."""
    return [card for card in cards if card.base is not None and not card.base.is_current]


def refit_command(card: ModelCard) -> str:
    """The command that fits a version again on the present shared model."""
    return f"epitaxy finetune refit {card.name.rpartition('/')[2]}:{card.version}"
