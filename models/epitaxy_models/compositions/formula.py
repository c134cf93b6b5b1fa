"""One formula without separators: ``Ca3(PO4)2``, ``(La1/3Sr2/3)MnO3``, ``Fe3+2O2-3``, ``Al0.25 Co1 Fe1 Ni1``."""

import re
from typing import NoReturn

from epitaxy_models.compositions.atoms import Atoms
from epitaxy_models.compositions.intake import CompositionLimits, CompositionRefusal, CompositionRepair, refusal
from epitaxy_models.structures.elements import atomic_number_of

NUMBER = r"(?:\d{1,12}(?:\.\d{0,17})?|\.\d{1,17})(?:[eE][+-]?\d{1,2})?"
AMOUNT = rf"(?:\d{{1,6}}/\d{{1,6}}|{NUMBER})"

_OPENING, _CLOSING = "([{", ")]}"
# A charge has at most two digits, and its sign is not the start of a word ("O3-x").
_SPECIES = re.compile(rf"([A-Z][a-z]?)(\d{{0,2}}[+-](?![a-z]))?({AMOUNT})?")
_CLOSED = re.compile(rf"\s*({AMOUNT})?")
_VARIABLE = re.compile(r"[a-zδαβγ]")
_MAX_SHOWN = 60


def parse_formula(text: str, limits: CompositionLimits) -> Atoms:
    """The atoms of a formula; spaces between its parts do not matter.

    Raises InvalidMaterialError (UNREADABLE_FORMULA, UNKNOWN_ELEMENT, INVALID_AMOUNT, EMPTY_COMPOSITION).
    """
    levels = [Atoms()]
    closers: list[str] = []
    place = 0
    while place < len(text):
        mark = text[place]
        if mark.isspace():
            place += 1
        elif mark in _OPENING:
            if len(levels) > limits.max_depth:
                _refuse(text, place, f"has more than {limits.max_depth} brackets within each other: write them out")
            closers.append(_CLOSING[_OPENING.index(mark)])
            levels.append(Atoms())
            place += 1
        elif mark in _CLOSING:
            if not closers or closers.pop() != mark:
                _refuse(text, place, "has a bracket that does not match: correct it")
            place = _close(text, place, levels)
        else:
            place = _add_species(text, place, levels[-1])
    if closers:
        _refuse(text, len(text), f"lacks the closing {closers[-1]!r}: add it")
    return levels[0]


def amount_of(text: str) -> float:
    """The number of ``"0.25"``, ``"1/3"`` or ``"6e-05"``. Raises InvalidMaterialError (INVALID_AMOUNT)."""
    top, _, bottom = text.partition("/")
    if bottom and not float(bottom):
        raise refusal(CompositionRefusal.INVALID_AMOUNT, f"the amount {text[:_MAX_SHOWN]!r} divides by 0: correct it")
    return float(top) / float(bottom or 1)


def _close(text: str, place: int, levels: list[Atoms]) -> int:
    match = _CLOSED.match(text, place + 1)
    assert match is not None  # everything in the pattern is optional
    inner = levels.pop()
    if not inner.amounts:
        _refuse(text, place, "has brackets without an element: remove them")
    levels[-1].add(inner, amount_of(match[1]) if match[1] else 1.0)
    # Spaces after the bracket are skipped with an amount only: "(Fe) 2" has one, "(Fe) Ni" none.
    return match.end() if match[1] else place + 1


def _add_species(text: str, place: int, atoms: Atoms) -> int:
    match = _SPECIES.match(text, place)
    if match is None:
        _refuse_mark(text, place)
    symbol, charge, amount = match.groups()
    number = atomic_number_of(symbol)
    end = match.end()
    if number is None and len(symbol) == 2 and atomic_number_of(symbol[0]) is not None and _is_variable(symbol[1]):
        _refuse_variable(text, place + 1)
    if number is None:
        raise refusal(
            CompositionRefusal.UNKNOWN_ELEMENT,
            f"{_shown(text)} has {symbol!r}, which is not an element: correct the symbol",
        )
    count = amount_of(amount) if amount else 1.0
    added = Atoms({number: count})
    if charge:
        added.charge = count * (int(charge[:-1] or 1) * (1 if charge[-1] == "+" else -1))
        added.repairs[CompositionRepair.STRIPPED_OXIDATION_STATES] = "oxidation states were dropped from the formula"
    if symbol in {"D", "T"}:
        added.repairs[CompositionRepair.DEUTERIUM_AS_HYDROGEN] = "deuterium or tritium is treated as hydrogen"
    atoms.add(added, 1.0)
    return end


def _is_variable(mark: str) -> bool:
    return mark in "nxyzδ"


def _refuse_mark(text: str, place: int) -> NoReturn:
    rest = text[place:]
    if _VARIABLE.match(rest):
        if place == 0 or text[place - 1].isspace():
            raise refusal(
                CompositionRefusal.UNKNOWN_ELEMENT,
                f"{_shown(text)} has {rest[:2].strip()!r}: symbols of elements begin with a capital letter (Fe2O3)",
            )
        _refuse_variable(text, place)
    if variable := re.match(r"[+-]\s*([a-zδ])", rest):
        _refuse_variable(text, place + variable.start(1))
    if re.match(r"\^|\d*[+-]", rest):
        raise refusal(
            CompositionRefusal.CHARGED_COMPOSITION,
            f"{_shown(text)} has a charge: give the formula of a neutral material, or leave the charge out",
        )
    if re.match(AMOUNT, rest):
        _refuse(text, place, "has a number without an element before it: correct it")
    _refuse(text, place, f"has {rest[0]!r}, which is no part of a formula: correct it")


def _refuse_variable(text: str, place: int) -> NoReturn:
    raise refusal(
        CompositionRefusal.INVALID_AMOUNT,
        f"{_shown(text)} has the letter {text[place]!r} as an amount: give a number",
    )


def _refuse(text: str, place: int, what: str) -> NoReturn:
    raise refusal(CompositionRefusal.UNREADABLE_FORMULA, f"{_shown(text)} {what} (at character {place + 1})")


def _shown(text: str) -> str:
    return repr(text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}...")
