"""Text for the shared model that a model of your own was fitted on."""

from collections.abc import Iterable

from epitaxy.client import ModelCard


def base_text(card: ModelCard) -> str:
    """``"substrate-mp:4, an earlier version"``; empty for the shared model itself."""
    base = card.base
    if base is None:
        return ""
    return f"{base.name}:{base.version}" + ("" if base.is_current else ", an earlier version")


def models_on_earlier(cards: Iterable[ModelCard]) -> list[ModelCard]:
    """Models that go on to be served on an earlier shared model than new ones are fitted on."""
    return [card for card in cards if card.base is not None and not card.base.is_current]


def refit_command(card: ModelCard) -> str:
    """The command that fits a version again on the present shared model."""
    return f"epitaxy finetune refit {card.name.rpartition('/')[2]}:{card.version}"
