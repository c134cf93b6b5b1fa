"""Download from an OPTIMADE provider: pages go to a journal, and the journal becomes a table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from epitaxy.datasets.errors import FetchUsageError
from epitaxy.datasets.optimade_pages import OptimadePages, check_filter
from epitaxy.datasets.pacing import Pacer
from epitaxy.datasets.page_journal import PageJournal
from epitaxy.datasets.providers import Provider
from epitaxy_models.data.conversion import convert
from epitaxy_models.data.label_plan import LabelChoices, plan_labels
from epitaxy_models.data.provenance import Origin, Provenance
from epitaxy_models.data.sources.optimade import STRUCTURE_FIELDS, OptimadeSource
from epitaxy_models.data.units import suffix_of_unit

# Receives the number of entries downloaded so far, and the number of all entries if the server states it.
FetchProgress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class OptimadeQuery:
    """What to download.

    Attributes:
        provider: The database.
        filter: Filter in OPTIMADE's language; empty for everything.
        fields: The provider's own fields to keep as labels.
        choices: Units and names of the fields.
        page_limit: Entries per page.
        max_entries: Stop after this many entries; None for all.
    """

    provider: Provider
    filter: str = ""
    fields: Sequence[str] = ()
    choices: LabelChoices = field(default_factory=LabelChoices)
    page_limit: int = 100
    max_entries: int | None = None

    def __post_init__(self) -> None:
        if self.page_limit < 1 or (self.max_entries is not None and self.max_entries < 1):
            raise FetchUsageError("page_limit and max_entries must be at least 1")

    @property
    def response_fields(self) -> tuple[str, ...]:
        """The fields to request from the server: those of the structure, and the top level of each label field."""
        return ("id", *STRUCTURE_FIELDS, *dict.fromkeys(name.split(".")[0] for name in self.fields))

    def as_header(self) -> dict[str, object]:
        """The facts that bind a journal to this download."""
        return {
            "base_url": self.provider.base_url,
            "filter": self.filter,
            "fields": list(self.response_fields),
            "page_limit": self.page_limit,
            "retrieved": datetime.now(UTC).date().isoformat(),
        }


def fetch_optimade(
    query: OptimadeQuery,
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
    check_filter(query.filter)
    with OptimadePages(query.provider.base_url, pacer) as pages:
        units = _known_units(query, pages)
        plan = plan_labels(OptimadeSource(list, 0, query.fields, units).columns, query.choices)
        journal = PageJournal(journal_path(out), query.as_header(), restart=restart)
        try:
            _download(query, pages, journal, on_progress)
            n_entries = min(journal.n_entries, query.max_entries or journal.n_entries)
            source = OptimadeSource(lambda: islice(journal.entries(), n_entries), n_entries, query.fields, units)
            provenance = convert(source, plan, out, _origin(query, journal, pages.n_available))
            journal.remove()
        finally:
            journal.close()
    return provenance


def journal_path(out: Path) -> Path:
    """Path of the journal, which keeps the pages of a download to ``out`` until it is complete."""
    return out.with_name(f"{out.name}.pages.jsonl")


def _download(query: OptimadeQuery, pages: OptimadePages, journal: PageJournal, on_progress: FetchProgress) -> None:
    wanted = query.max_entries
    if journal.is_complete or (wanted is not None and journal.n_entries >= wanted):
        return
    first = journal.next or pages.first_url(query.filter, query.response_fields, query.page_limit)
    for page in pages.pages(first):
        journal.append(page)
        available = pages.n_available
        on_progress(journal.n_entries, min(available, wanted) if available and wanted else wanted or available)
        if wanted is not None and journal.n_entries >= wanted:
            return


def _known_units(query: OptimadeQuery, pages: OptimadePages) -> Mapping[str, str]:
    """Units that the server states, or that are known for the provider. Raises FetchUsageError for unknown fields."""
    stated = pages.property_units()
    unknown = sorted({name for name in query.fields if name.split(".")[0] not in stated})
    if unknown:
        own = ", ".join(sorted(name for name in stated if name.startswith("_"))) or "none"
        raise FetchUsageError(f"{query.provider.name} has no field {', '.join(unknown)}; its own fields are {own}")
    of_server = {name: suffix_of_unit(unit) for name, unit in stated.items() if unit and name in query.fields}
    return dict(query.provider.known_units) | {name: suffix for name, suffix in of_server.items() if suffix}


def _origin(query: OptimadeQuery, journal: PageJournal, n_announced: int | None) -> Origin:
    limit = f" max_entries={query.max_entries}" if query.max_entries else ""
    return Origin(
        source="optimade",
        url=query.provider.base_url,
        retrieved=str(journal.header["retrieved"]),
        provider=query.provider.name,
        licence=query.provider.licence,
        query=f"filter={query.filter!r} fields={','.join(query.response_fields)}{limit}",
        n_announced=n_announced,
    )
