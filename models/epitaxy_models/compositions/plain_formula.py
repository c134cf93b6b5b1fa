"""The common case of a formula: symbols and decimal numbers and nothing else, as ``AlCo4Fe4Ni4`` or ``Al0.25 Co1 Fe1``.

It is read in a tenth of the time of the full grammar, to the same atoms; whatever may mean more is left to that.
"""

import re

from epitaxy_models.compositions.atoms import Atoms
from epitaxy_models.structures.elements import SYMBOLS, symbol_of

_PLAIN = re.compile(r"(?:[A-Z][a-z]?(?:\d{1,6}(?:\.\d{1,9})?)? ?)+", re.ASCII)
_SPECIES = re.compile(r"([A-Z][a-z]?)([\d.]*)")
_NUMBERS = {symbol_of(number): number for number in range(1, len(SYMBOLS) + 1)}


def plain_formula(text: str) -> Atoms | None:
    """The atoms of a plain formula; None for any other text.

    A full stop may separate the parts of a mixture of oxides or hydrates, and ``At`` after a space may state a basis.
    """
    if not _PLAIN.fullmatch(text) or ("." in text and "O" in text) or (" " in text and "At" in text):
        return None
    amounts: dict[int, float] = {}
    for symbol, amount in _SPECIES.findall(text):
        number = _NUMBERS.get(symbol)
        if number is None:
            return None
        amounts[number] = amounts.get(number, 0.0) + (float(amount) if amount else 1.0)
    return Atoms(amounts)
