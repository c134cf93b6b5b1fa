"""Download from the Materials Project through its own client, ``mp-api``: first the ids, then documents in batches."""

import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from epitaxy.datasets.errors import FetchError, FetchUsageError
from epitaxy.datasets.optimade_fetch import FetchProgress, journal_path
from epitaxy.datasets.pacing import Pacer, backoff_seconds
from epitaxy.datasets.page_journal import Page, PageJournal
from epitaxy_models.data.conversion import convert
from epitaxy_models.data.label_plan import LabelChoices, plan_labels
from epitaxy_models.data.provenance import Origin, Provenance
from epitaxy_models.data.source_row import SourceColumns, SourceRow
from epitaxy_models.data.sources.structure_value import reader_of

# Units of the summary endpoint's fields.
FIELD_UNITS = {
    "formation_energy_per_atom": "eV_atom",
    "energy_above_hull": "eV_atom",
    "energy_per_atom": "eV_atom",
    "uncorrected_energy_per_atom": "eV_atom",
    "band_gap": "eV",
    "efermi": "eV",
    "universal_anisotropy": "dimensionless",
    "homogeneous_poisson": "dimensionless",
    "e_total": "dimensionless",
    "e_ionic": "dimensionless",
    "e_electronic": "dimensionless",
    "n": "dimensionless",
    "e_ij_max": "C_m2",
}
_MAX_ATTEMPTS = 5
Session = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class MaterialsProjectQuery:
    """What to download.

    Attributes:
        criteria: Arguments of ``MPRester.materials.summary.search``.
        fields: Summary fields to keep as labels.
        choices: Units and names of the fields.
        page_limit: Documents per request.
        max_entries: Stop after this many documents; None for all.
    """

    criteria: Mapping[str, Any] = field(default_factory=dict)
    fields: Sequence[str] = ("formation_energy_per_atom", "energy_above_hull", "band_gap")
    choices: LabelChoices = field(default_factory=LabelChoices)
    page_limit: int = 500
    max_entries: int | None = None

    def as_header(self) -> dict[str, object]:
        """The facts that bind a journal to this download."""
        return {
            "base_url": "mp-api",
            "filter": json.dumps(self.criteria, sort_keys=True),
            "fields": list(self.fields),
            "page_limit": self.page_limit,
            "max_entries": self.max_entries,
            "retrieved": datetime.now(UTC).date().isoformat(),
        }


def open_session(api_key: str | None) -> Session:
    """Returns a function that opens mp-api's client. Raises FetchUsageError without the package or the key."""
    try:
        client = importlib.import_module("mp_api.client")  # an optional package, not installed by default
    except ModuleNotFoundError as error:
        raise FetchUsageError("the Materials Project needs mp-api: pip install 'epitaxy[materials-project]'") from error
    if not api_key:
        raise FetchUsageError("the Materials Project needs a key: set MP_API_KEY to the key from your dashboard there")
    return partial(client.MPRester, api_key, use_document_model=False, mute_progress_bars=True)


def fetch_materials_project(
    query: MaterialsProjectQuery,
    out: Path,
    pacer: Pacer,
    session: Session,
    on_progress: FetchProgress = lambda _done, _total: None,
    *,
    restart: bool = False,
) -> Provenance:
    """Downloads into ``out``. Resumes an earlier run of the same query.

    Raises FetchError, FetchUsageError and ConfigurationError in the same cases as ``fetch_optimade``.
    """
    columns = SourceColumns(tuple(query.fields), (), FIELD_UNITS, are_chosen=True)
    plan = plan_labels(columns, query.choices)
    journal = PageJournal(journal_path(out), query.as_header(), restart=restart)
    try:
        with session() as rester:
            _download(query, rester.materials.summary, journal, pacer, on_progress)
        source = _SummarySource(journal, columns)
        provenance = convert(source, plan, out, _origin(query, journal))
        journal.remove()
    finally:
        journal.close()
    return provenance


class _SummarySource:
    kind = "mp-api"

    def __init__(self, journal: PageJournal, columns: SourceColumns) -> None:
        self._journal = journal
        self.columns: SourceColumns = columns
        self.n_rows: int | None = journal.n_entries - 1  # the first page holds the ids

    def rows(self) -> Any:
        for document in self._journal.entries():
            if "ids" not in document:
                labels = {name: document.get(name) for name in self.columns.numeric}
                yield SourceRow(str(document["material_id"]), reader_of(document.get("structure")), labels)


def _download(
    query: MaterialsProjectQuery, summary: Any, journal: PageJournal, pacer: Pacer, on_progress: FetchProgress
) -> None:
    """Downloads documents into the journal. Its first page keeps the ids, so that a resumed run has the same list."""
    if not journal.n_pages:
        found = _attempt(pacer, partial(summary.search, **query.criteria, all_fields=False, fields=["material_id"]))
        ids = sorted(str(one["material_id"]) for one in found)[: query.max_entries]
        journal.append(Page([{"ids": ids}], "0" if ids else None))
    ids = next(journal.entries())["ids"]
    fields = ["material_id", "structure", *query.fields]
    while journal.next is not None:
        start = int(journal.next)
        batch = ids[start : start + query.page_limit]
        documents = _attempt(pacer, partial(summary.search, material_ids=batch, all_fields=False, fields=fields))
        end = start + len(batch)
        entries = _complete(batch, [_plain(one) for one in documents])
        journal.append(Page(entries, str(end) if end < len(ids) else None))
        on_progress(end, len(ids))


def _complete(ids: Sequence[str], documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns one document per id, in order. An id without an answer gets an empty document, which is refused later."""
    by_id = {str(one.get("material_id")): one for one in documents}
    return [by_id.get(one, {"material_id": one}) for one in ids]


def _attempt(pacer: Pacer, call: Callable[[], Any]) -> Any:
    for attempt in range(1, _MAX_ATTEMPTS + 1):
        pacer.wait_turn()
        try:
            return call()
        except Exception as error:  # mp-api wraps everything that can go wrong in MPRestError, the network included
            if attempt == _MAX_ATTEMPTS or "401" in str(error) or "403" in str(error):
                raise FetchError(f"the Materials Project answered: {error}") from error
            pacer.hold(backoff_seconds(attempt))
    raise AssertionError("the last attempt returns or raises")


def _plain(document: Mapping[str, Any]) -> dict[str, Any]:
    """Converts a document to JSON types: structures to dictionaries, ids to text."""
    structure = document.get("structure")
    as_dict = getattr(structure, "as_dict", None)
    plain = {**document, "structure": as_dict() if as_dict else structure}
    return dict(json.loads(json.dumps(plain, default=str)))


def _origin(query: MaterialsProjectQuery, journal: PageJournal) -> Origin:
    return Origin(
        source="mp-api",
        url="https://api.materialsproject.org",
        retrieved=str(journal.header["retrieved"]),
        provider="Materials Project",
        licence="CC-BY-4.0",
        query=f"summary {json.dumps(dict(query.criteria), sort_keys=True)} fields={','.join(query.fields)}",
    )
