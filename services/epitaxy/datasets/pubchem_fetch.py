"""Download from PubChem: first the compounds of a search, then their properties in chunks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from epitaxy.datasets.errors import FetchUsageError
from epitaxy.datasets.optimade_fetch import FetchProgress, journal_path
from epitaxy.datasets.pacing import Pacer
from epitaxy.datasets.page_journal import Page, PageJournal
from epitaxy.datasets.pubchem_search import PubchemSearch
from epitaxy.datasets.pubchem_server import PUBCHEM_URL, PubchemServer
from epitaxy_models.data.conversion import convert
from epitaxy_models.data.label_plan import LabelChoices, plan_labels
from epitaxy_models.data.provenance import Origin, Provenance
from epitaxy_models.data.source_row import MaterialText, SourceColumns, SourceRow
from epitaxy_models.data.sources.material_value import material_reader
from epitaxy_models.errors import InvalidMaterialError
from epitaxy_models.materials.kind import MaterialKind

# Units of the numeric properties of PUG REST's table.
PROPERTY_UNITS = {
    "MolecularWeight": "g_mol",
    "ExactMass": "g_mol",
    "MonoisotopicMass": "g_mol",
    "XLogP": "dimensionless",
    "TPSA": "A2",
    "Complexity": "dimensionless",
    "Charge": "dimensionless",
    "HBondDonorCount": "dimensionless",
    "HBondAcceptorCount": "dimensionless",
    "RotatableBondCount": "dimensionless",
    "HeavyAtomCount": "dimensionless",
    "Volume3D": "A3",
}
_LICENCE = "NLM states no restrictions of its own; terms of depositors apply"
# SMILES is what was called IsomericSMILES until 2025.
_SMILES = ("SMILES", "IsomericSMILES", "ConnectivitySMILES", "CanonicalSMILES")
# Searches in one line of the journal: what a kill can cost.
_ITEMS_A_PAGE = 20
_MAX_PAGE = 500


@dataclass(frozen=True, slots=True)
class PubchemQuery:
    """What to download.

    Attributes:
        search: Which compounds.
        fields: Properties of PUG REST's table to keep as labels.
        choices: Units and names of the fields.
        page_limit: Compounds per request.
        max_entries: Stop after this many compounds; None for all.
        base_url: Address of PUG REST.
        licence: For the provenance.
    """

    search: PubchemSearch
    fields: Sequence[str] = ()
    choices: LabelChoices = field(default_factory=LabelChoices)
    page_limit: int = 100
    max_entries: int | None = None
    base_url: str = PUBCHEM_URL
    licence: str = _LICENCE

    def __post_init__(self) -> None:
        if not 1 <= self.page_limit <= _MAX_PAGE or (self.max_entries is not None and self.max_entries < 1):
            raise FetchUsageError(f"page_limit must be 1 to {_MAX_PAGE}, and max_entries at least 1")
        unknown = [name for name in self.fields if name not in PROPERTY_UNITS]
        if unknown:
            raise FetchUsageError(
                f"PubChem's table has no numbers called {', '.join(unknown)}: give any of {', '.join(PROPERTY_UNITS)}"
            )

    def as_header(self) -> dict[str, object]:
        """The facts that bind a journal to this download."""
        return {
            "base_url": self.base_url,
            "search": self.search.by,
            "items": sha256("\n".join(self.search.items).encode()).hexdigest(),
            "fields": list(self.fields),
            "page_limit": self.page_limit,
            "max_entries": self.max_entries,
            "retrieved": datetime.now(UTC).date().isoformat(),
        }


def fetch_pubchem(
    query: PubchemQuery,
    out: Path,
    pacer: Pacer,
    on_progress: FetchProgress = lambda _done, _total: None,
    *,
    restart: bool = False,
) -> Provenance:
    """Downloads into ``out``. Resumes an earlier run of the same query.

    Raises FetchUsageError before anything is downloaded, FetchError if the server fails (the journal is kept), and
    ConfigurationError if no row can be kept.
    """
    columns = SourceColumns(tuple(query.fields), (), PROPERTY_UNITS, are_chosen=True, kind=MaterialKind.MOLECULE)
    plan = plan_labels(columns, query.choices)
    journal = PageJournal(journal_path(out), query.as_header(), restart=restart)
    try:
        with PubchemServer(pacer, query.base_url) as server:
            _search(query, server, journal)
            _download(query, server, journal, on_progress)
        provenance = convert(_CompoundSource(journal, columns), plan, out, _origin(query, journal))
        journal.remove()
    finally:
        journal.close()
    return provenance


class _CompoundSource:
    """Compounds that were downloaded, and items that have none."""

    kind = "pubchem"

    def __init__(self, journal: PageJournal, columns: SourceColumns) -> None:
        self._journal = journal
        self.columns: SourceColumns = columns
        self.n_rows: int | None = None

    def rows(self) -> Iterator[SourceRow]:
        for entry in self._journal.entries():
            if "CID" in entry:
                smiles = next((entry[name] for name in _SMILES if entry.get(name)), None)
                labels = {name: entry.get(name) for name in self.columns.numeric}
                yield SourceRow(str(entry["CID"]), material_reader(MaterialKind.MOLECULE, smiles), labels)
            elif not entry["cids"]:
                yield SourceRow(entry["item"], partial(_refuse, entry["item"]), {})


def _refuse(item: str) -> MaterialText:
    raise InvalidMaterialError(f"PubChem has no compound for {item!r}", reason="NOT_IN_PUBCHEM")


def _search(query: PubchemQuery, server: PubchemServer, journal: PageJournal) -> None:
    """Downloads the ids of the compounds: pages ``search:N``, then ``chunk:0``."""
    items = query.search.items
    start = _place(journal, "search:") if journal.n_pages else 0
    while start is not None:
        entries = [_found(query, server, item) for item in items[start : start + _ITEMS_A_PAGE]]
        end = start + len(entries)
        journal.append(Page(entries, f"search:{end}" if end < len(items) else "chunk:0"))
        start = _place(journal, "search:")


def _found(query: PubchemQuery, server: PubchemServer, item: str) -> dict[str, Any]:
    if query.search.by == "cid":
        return {"item": item, "cids": [int(item)]}
    ids = server.compound_ids(*query.search.request_of(item))
    return {"item": item, "cids": ids[:1] if query.search.takes_first else ids}


def _download(query: PubchemQuery, server: PubchemServer, journal: PageJournal, on_progress: FetchProgress) -> None:
    found = (one for entry in journal.entries() if "cids" in entry for one in entry["cids"])
    ids = list(dict.fromkeys(found))[: query.max_entries]
    names = ("SMILES", *query.fields)
    start = _place(journal, "chunk:")
    while start is not None:
        chunk = ids[start : start + query.page_limit]
        rows = {int(row["CID"]): row for row in (server.properties(chunk, names) if chunk else ())}
        end = start + len(chunk)
        page = [rows.get(one, {"CID": one}) for one in chunk]
        journal.append(Page(page, f"chunk:{end}" if end < len(ids) else None))
        on_progress(end, len(ids))
        start = _place(journal, "chunk:")


def _place(journal: PageJournal, phase: str) -> int | None:
    """Where a phase of the download goes on; None if it is over or has not begun."""
    return int(journal.next.removeprefix(phase)) if journal.next and journal.next.startswith(phase) else None


def _origin(query: PubchemQuery, journal: PageJournal) -> Origin:
    items = query.search.items
    shown = ";".join(items[:5]) + (f" and {len(items) - 5} more" if len(items) > 5 else "")
    limit = f" max_entries={query.max_entries}" if query.max_entries else ""
    return Origin(
        source="pubchem",
        url=query.base_url,
        retrieved=str(journal.header["retrieved"]),
        provider="PubChem",
        licence=query.licence,
        query=f"{query.search.by}={shown} fields={','.join(query.fields)}{limit}",
    )
