"""Whether a text is a unit: products, quotients and powers of known symbols, on a plain or a logarithmic scale."""

import re

_PLAIN = frozenset((
    "1", "%", "wt%", "at%", "mol%", "vol%", "ppm", "ppb", "eV", "J", "cal", "Ha", "Hartree", "Ry", "K", "C", "degC",
    "Pa", "bar", "atm", "m", "Angstrom", "A", "Å", "Bohr", "bohr", "g", "u", "amu", "Da", "s", "min", "h", "d", "Hz",
    "rad", "deg", "sr", "V", "W", "S", "Ohm", "ohm", "Ω", "F", "H", "T", "Oe", "G", "emu", "uB", "muB", "µB", "N",
    "L", "l", "mol", "e", "HV", "HB", "HRC", "atom", "atoms", "cell", "fu", "f.u.", "formula", "unit", "ion", "site",
    "kB", "electron", "Kelvin", "kelvin", "percent", "dimensionless", "degree", "Celsius", "rpm", "year", "yr", "Wb",
    "dyn", "erg", "D", "Debye", "debye", "M", "cP", "P", "St", "Torr", "torr", "mmHg", "psi", "Sv", "Gy", "Bq",
))  # fmt: skip
# SI prefixes, where what follows takes them.
_PREFIXES = ("da", "Y", "Z", "E", "P", "T", "G", "M", "k", "h", "d", "c", "m", "µ", "μ", "u", "n", "p", "f", "a")
_PREFIXED = frozenset((
    "Ah", "Wh", "eV", "J", "cal", "Ha", "Ry", "K", "Pa", "bar", "atm", "m", "A", "g", "s", "Hz", "V", "W", "S",
    "Ohm", "ohm", "Ω", "F", "H", "T", "Oe", "G", "N", "L", "l", "mol", "C", "rad", "emu", "P", "D",
))  # fmt: skip
_LOGARITHM = re.compile(r"(?:log10|log2|log1p|log|ln|lg)\s*[( ]\s*(.*?)\)?")
_SEPARATORS = re.compile(r"[\s*/·⋅×().\[\]{}]+")
_POWER = re.compile(r"(?:\^|\*\*)?[-+−]?(?:\d+(?:\.\d+)?|[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)$")


def is_unit(text: str) -> bool:
    """True for ``"eV/atom"``, ``"W/mK"``, ``"1/cm"``, ``"log10(S/cm)"``, ``"dex"``; False for ``"eVv/atom"``."""
    text = text.strip()
    if text in ("", "dex") or text in _PLAIN:
        return True
    logarithm = _LOGARITHM.fullmatch(text)
    if logarithm:
        return is_unit(logarithm[1])
    protected = text.replace("f.u.", "fu").replace("**", "^")
    words = [word for word in _SEPARATORS.split(protected) if word]
    return bool(words) and all(_is_symbol(word) for word in words)


def _is_symbol(word: str) -> bool:
    if word in _PLAIN or re.fullmatch(r"\d+(?:[.e^]-?\d+)*|\^-?\d+", word):
        return True
    bare = _POWER.sub("", word)
    if bare != word and bare:
        return _is_symbol(bare)
    prefix = next((p for p in _PREFIXES if word.startswith(p) and word[len(p) :] in _PREFIXED), None)
    if prefix is not None:
        return True
    # Symbols written together, as in "W/mK": two of them at most.
    parts = ((word[:end], word[end:]) for end in range(1, len(word)))
    return any(first in _JOINED and second in _JOINED for first, second in parts)


# Unprefixed SI symbols that are written together; not all, so that few misspellings pass.
_JOINED = frozenset((
    "m", "K", "s", "A", "V", "W", "N", "J",
))  # fmt: skip
