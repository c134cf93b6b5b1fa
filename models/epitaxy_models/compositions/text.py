"""From a text to a composition: formulas, lists of amounts, designations of alloys."""

import json
import re
import unicodedata
from typing import NoReturn

from epitaxy_models.compositions.atoms import Atoms
from epitaxy_models.compositions.composition import Composition
from epitaxy_models.compositions.formula import AMOUNT, amount_of
from epitaxy_models.compositions.intake import (
    DEFAULT_LIMITS,
    CompositionIntake,
    CompositionLimits,
    CompositionRefusal,
    CompositionRepair,
    refusal,
)
from epitaxy_models.compositions.mixture import Mixture, split_mixture
from epitaxy_models.compositions.plain_formula import plain_formula
from epitaxy_models.compositions.shares import Basis, Shares
from epitaxy_models.structures.elements import symbol_of
from epitaxy_models.structures.intake import Repair

_MAX_SHOWN = 60
_UNITS = {
    Basis.WT: r"(?:wt|weight|mass|w)\s*\.?\s*-?\s*(?:%|percent\b)|(?<=[\s,;])(?:wt|w/o)\b\.?",
    Basis.AT: r"(?:at|atomic|mol|mole|a)\s*\.?\s*-?\s*(?:%|percent\b)|(?<=[\s,;])(?:at|mol|a/o)\b\.?",
}
_BASIS = {
    basis: re.compile(rf"[(\[]?\s*(?:in\s+)?(?:{pattern})\s*[)\]]?", re.IGNORECASE) for basis, pattern in _UNITS.items()
}
_BALANCE = r"(?:bal(?:ance)?\b\.?|rest\b|remainder\b)"
_PAIR = re.compile(rf"\s*([A-Za-z]{{1,12}})\s*[:=]?\s*([+-]?{AMOUNT}|{_BALANCE})\s*%?\s*[,;]?", re.IGNORECASE)
_MARKUP = re.compile(r"</?su[bp]>|\$|\\mathrm|\\rm|(?<=[A-Za-z0-9)])_(?=[{0-9])")
_BRACED_NUMBER = re.compile(rf"\{{({AMOUNT})\}}")


def read_composition(text: str, limits: CompositionLimits = DEFAULT_LIMITS) -> CompositionIntake:
    """The composition that a text states.

    ``Ca3(PO4)2``, ``CuSO4·5H2O``, ``Li6.4La3Zr1.4Ta0.6O12``, ``70SiO2-30Na2O``; ``Al:0.25, Co:1, Fe:1, Ni:1``;
    ``Fe:Bal., Ni:18, Co:9 wt%``; ``Fe70Ni30 (at.%)``; ``{"Al": 0.25, "Co": 1}``; ``Ti-6Al-4V``.

    Raises InvalidMaterialError with a reason of ``CompositionRefusal``.
    """
    if len(text) > limits.max_text_length:
        raise refusal(
            CompositionRefusal.TOO_LARGE,
            f"the composition has {len(text)} characters, over the limit of {limits.max_text_length}: send one formula",
        )
    listed = plain_formula(text)
    if listed is not None:
        return composition_of_atoms(listed, limits)
    plain = _plain(text)
    if not plain:
        raise refusal(CompositionRefusal.EMPTY_COMPOSITION, "the composition is empty: give a formula such as Fe2O3")
    if plain.startswith("{") and ":" in plain:
        return composition_of_atoms(Shares(_json_amounts(plain), Basis.RATIO).atoms(), limits)
    basis, bare = _basis(plain)
    shares = _listed(bare, basis)
    return composition_of_atoms(_mixed(bare, basis, limits) if shares is None else shares.atoms(), limits)


def composition_of_atoms(atoms: Atoms, limits: CompositionLimits = DEFAULT_LIMITS) -> CompositionIntake:
    """The composition of atoms that were read.

    Raises InvalidMaterialError (EMPTY_COMPOSITION, TOO_MANY_ELEMENTS, CHARGED_COMPOSITION).
    """
    present = {number: amount for number, amount in atoms.amounts.items() if amount}
    if not present:
        raise refusal(CompositionRefusal.EMPTY_COMPOSITION, "every amount is 0: give at least one element")
    if len(present) > limits.max_elements:
        raise refusal(
            CompositionRefusal.TOO_MANY_ELEMENTS,
            f"the composition has {len(present)} elements, over the limit of {limits.max_elements}: leave traces out",
        )
    if atoms.is_charged:
        raise refusal(
            CompositionRefusal.CHARGED_COMPOSITION,
            "the oxidation states do not add up to 0: correct them, or give the formula without them",
        )
    try:
        composition = Composition.of(present)
    except (ValueError, OverflowError):
        raise refusal(CompositionRefusal.INVALID_AMOUNT, "an amount is too large or not a number: correct it") from None
    dropped = sorted(set(present) - set(composition.atomic_numbers))
    if dropped:
        names = ", ".join(symbol_of(number) for number in dropped)
        atoms.repairs[CompositionRepair.DROPPED_TRACES] = f"less than 0.5 ppm of {names} was left out"
    return CompositionIntake(composition, (*atoms.told(), *_rounding(present, composition)))


def _rounding(given: dict[int, float], composition: Composition) -> tuple[Repair, ...]:
    total, whole = sum(given.values()), sum(composition.amounts)
    pairs = zip(composition.atomic_numbers, composition.amounts, strict=True)
    if all(abs(given[number] / total - amount / whole) < 2e-6 for number, amount in pairs):
        return ()
    return (
        Repair(
            CompositionRepair.ROUNDED_AMOUNTS, f"amounts within rounding of {composition.formula} were taken for it"
        ),
    )


def _plain(text: str) -> str:
    """Subscripts, fractions and markup as plain characters."""
    normal = unicodedata.normalize("NFKC", text.replace("½", "1/2").replace("¼", "1/4").replace("¾", "3/4"))
    normal = normal.replace("\u2044", "/").replace("\u2212", "-").replace("\u207a", "+")
    return _BRACED_NUMBER.sub(r"\1", _MARKUP.sub("", normal)).strip()


def _json_amounts(text: str) -> dict[str, float]:
    try:
        amounts = json.loads(text)
        return {str(symbol): float(amount) for symbol, amount in amounts.items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise refusal(
            CompositionRefusal.UNREADABLE_FORMULA,
            f'{text[:_MAX_SHOWN]!r} is not a list of amounts: give {{"Al": 0.25, "Co": 1}}',
        ) from None


def _basis(text: str) -> tuple[Basis | None, str]:
    """What the text says its amounts are, None if nothing, and the text without it."""
    found = [(basis, pattern.sub(" ", text)) for basis, pattern in _BASIS.items() if pattern.search(text)]
    if len(found) > 1:
        raise refusal(
            CompositionRefusal.UNREADABLE_FORMULA,
            f"{text[:_MAX_SHOWN]!r} states both at. % and wt. %: state one of them",
        )
    basis, bare = found[0] if found else (None, text)
    return basis, bare.strip(" ,;")


def _listed(text: str, basis: Basis | None) -> Shares | None:
    """Amounts of ``Fe:Bal., Ni:18``; None where the text is a formula."""
    has_balance = re.search(rf"(?<![a-z]){_BALANCE}", text, re.IGNORECASE) is not None
    if not has_balance and not re.search(r"[:=,;]", text):
        return None
    amounts: dict[str, float] = {}
    balances: list[str] = []
    place = 0
    while place < len(text):
        match = _PAIR.match(text, place)
        if match is None:
            _refuse_list(text, text[place:])
        place = match.end()
        symbol, amount = match.groups()
        if symbol in amounts or symbol in balances:
            raise refusal(CompositionRefusal.INVALID_AMOUNT, f"{symbol} has two amounts: give one")
        if re.fullmatch(_BALANCE, amount, re.IGNORECASE):
            balances.append(symbol)
        else:
            amounts[symbol] = amount_of(amount)
    if len(balances) > 1:
        raise refusal(
            CompositionRefusal.AMOUNTS_DO_NOT_ADD_UP,
            f"{' and '.join(balances)} are both the balance: give one an amount",
        )
    if balances and basis is None:
        raise refusal(
            CompositionRefusal.AMOUNTS_DO_NOT_ADD_UP,
            f"{balances[0]} is the balance, and it is not said of what: add wt% or at%",
        )
    return Shares(amounts, basis or Basis.RATIO, balances[0] if balances else None)


def _refuse_list(text: str, piece: str) -> NoReturn:
    raise refusal(
        CompositionRefusal.UNREADABLE_FORMULA,
        f"{text[:_MAX_SHOWN]!r} has {piece.strip()[:20]!r}: give pairs such as Fe:70, Ni:30",
    )


def _mixed(text: str, basis: Basis | None, limits: CompositionLimits) -> Atoms:
    mixture = split_mixture(text, limits)
    if mixture.is_designation:
        return _designated(mixture, basis)
    if basis is None or len(mixture.parts) > 1:
        return mixture.atoms(by_weight=basis is Basis.WT)
    atoms = mixture.atoms(by_weight=False)
    amounts = {symbol_of(number): amount for number, amount in atoms.amounts.items()}
    shares = Shares(amounts, basis, repairs=atoms.repairs).atoms()
    shares.charge = atoms.charge
    return shares


def _designated(mixture: Mixture, basis: Basis | None) -> Atoms:
    """``Ti-6Al-4V``: percents of all elements but the first."""
    symbols = [symbol_of(next(iter(part.atoms.amounts))) for part in mixture.parts]
    amounts = dict(zip(symbols[1:], (part.coefficient or 0.0 for part in mixture.parts[1:]), strict=True))
    repairs = dict(mixture.repairs)
    if basis is None:
        repairs[CompositionRepair.ASSUMED_WEIGHT_PERCENT] = (
            f"read as percent by weight with {symbols[0]} as the balance; add at% if atoms are meant"
        )
    return Shares(amounts, basis or Basis.WT, symbols[0], repairs=repairs).atoms()
