"""What to ask PubChem for, in one line of text: ``cid=2244,3672``, ``name=@names.txt``, ``formula=C9H8O4``."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from epitaxy.datasets.errors import FetchUsageError

# Identifiers of one compound each. PUG REST takes them in the body of a POST, since SMILES hold slashes and hashes.
_OF_ONE = ("name", "smiles", "inchikey")
_STRUCTURE_SEARCHES = {
    "substructure": "fastsubstructure/smiles",
    "superstructure": "fastsuperstructure/smiles",
    "similar": "fastsimilarity_2d/smiles",
}
_MASSES = ("molecular_mass", "exact_mass", "monoisotopic_mass")
_RANGE = re.compile(r"(\d+(?:\.\d+)?)\s*\.\.\s*(\d+(?:\.\d+)?)")
_FORMS = (
    "cid=2244,3672, name=aspirin;caffeine, smiles=CCO, inchikey=..., formula=C9H8O4, substructure=c1ccsc1, "
    "superstructure=SMILES, similar=SMILES, exact_mass=180.0..180.1; cid, name, smiles and inchikey also take a file "
    "with one item a line: name=@names.txt"
)


@dataclass(frozen=True, slots=True)
class PubchemSearch:
    """A search.

    Attributes:
        by: ``"cid"``, ``"name"``, ``"formula"``, ``"substructure"``, ``"exact_mass"`` and others of its kind.
        items: What to look for; each is one request, but CIDs need none.
    """

    by: str
    items: tuple[str, ...]

    @property
    def takes_first(self) -> bool:
        """Whether an item stands for one compound: PubChem lists the best match first."""
        return self.by in _OF_ONE

    def request_of(self, item: str) -> tuple[str, dict[str, str] | None]:
        """Path below the address of PUG REST, and the form to post if there is one."""
        if self.by in _OF_ONE:
            return f"compound/{self.by}/cids/JSON", {self.by: item}
        if self.by in _STRUCTURE_SEARCHES:
            return f"compound/{_STRUCTURE_SEARCHES[self.by]}/cids/JSON", {"smiles": item}
        if self.by == "formula":
            return f"compound/fastformula/{item}/cids/JSON", None
        low, high = _range(item)
        return f"compound/{self.by}/range/{low}/{high}/cids/JSON", None


def read_search(text: str) -> PubchemSearch:
    """The search that a text states. Raises FetchUsageError with all forms."""
    by, equals, what = (part.strip() for part in text.partition("="))
    known = ("cid", *_OF_ONE, "formula", *_STRUCTURE_SEARCHES, *_MASSES)
    if not equals or by not in known or not what:
        raise FetchUsageError(f"{text!r} states no search of PubChem: give one of {_FORMS}")
    if by in ("cid", *_OF_ONE):
        items = _from_file(Path(what[1:])) if what.startswith("@") else _listed(by, what)
    else:
        items = [what]
    search = PubchemSearch(by, tuple(dict.fromkeys(items)))
    _check(search)
    return search


def _listed(by: str, text: str) -> list[str]:
    """Names may hold commas, so they are separated by semicolons."""
    separator = "," if by == "cid" else ";"
    return [item.strip() for item in text.split(separator) if item.strip()]


def _from_file(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FetchUsageError(f"{path} cannot be read as a list, one item a line: {error}") from error
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _check(search: PubchemSearch) -> None:
    if not search.items:
        raise FetchUsageError("the search names nothing to look for: list at least one item")
    wrong = _first_wrong(search.by, search.items)
    if wrong is not None:
        raise FetchUsageError(f"{wrong!r} cannot be a {search.by}: give one of {_FORMS}")


def _first_wrong(by: str, items: Sequence[str]) -> str | None:
    if by == "cid":
        return next((item for item in items if not re.fullmatch(r"[1-9]\d*", item)), None)
    if by == "formula":
        return next((item for item in items if not re.fullmatch(r"(?:[A-Z][a-z]?\d*)+", item)), None)
    return next((item for item in items if not _RANGE.fullmatch(item)), None) if by in _MASSES else None


def _range(text: str) -> tuple[str, str]:
    found = _RANGE.fullmatch(text)
    assert found is not None, "checked when the search was read"
    return found[1], found[2]
