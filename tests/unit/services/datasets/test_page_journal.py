from pathlib import Path

import pytest

from epitaxy.datasets.errors import FetchUsageError
from epitaxy.datasets.page_journal import Page, PageJournal

QUERY = {"base_url": "http://a", "filter": "", "retrieved": "2026-01-01"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "pages.jsonl"
    journal = PageJournal(path, QUERY)
    journal.append(Page([{"id": "1"}, {"id": "2"}], "http://a/2"))
    journal.append(Page([{"id": "3"}], "http://a/3"))
    journal.close()
    return path


def test_a_journal_goes_on_where_it_was(path: Path) -> None:
    journal = PageJournal(path, QUERY | {"retrieved": "2026-01-02"})
    assert (journal.n_pages, journal.n_entries, journal.next) == (2, 3, "http://a/3")
    assert journal.header["retrieved"] == "2026-01-01"
    assert not journal.is_complete
    journal.append(Page([{"id": "4"}], None))
    assert journal.is_complete
    assert [entry["id"] for entry in journal.entries()] == ["1", "2", "3", "4"]
    journal.remove()
    assert not path.exists()


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_torn_page_is_asked_for_again(path: Path, cut: int) -> None:
    path.write_bytes(path.read_bytes()[:-cut])
    journal = PageJournal(path, QUERY)
    assert (journal.n_entries, journal.next) == (2, "http://a/2")
    journal.append(Page([{"id": "3"}], None))
    assert [entry["id"] for entry in journal.entries()] == ["1", "2", "3"]
    journal.close()


def test_a_torn_header_begins_anew(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:10])
    journal = PageJournal(path, QUERY)
    assert journal.n_pages == 0
    journal.close()


def test_another_query_or_file_is_refused_and_left_alone(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(FetchUsageError, match="with different filter: repeat that one, or pass --restart"):
        PageJournal(path, QUERY | {"filter": "nsites=1"})
    assert path.read_bytes() == before
    path.write_text("id,gap\n")
    with pytest.raises(FetchUsageError, match="is not a page journal"):
        PageJournal(path, QUERY)


def test_two_downloads_to_one_table_do_not_mix(path: Path) -> None:
    first = PageJournal(path, QUERY)
    with pytest.raises(FetchUsageError, match="another download is writing the same table"):
        PageJournal(path, QUERY)
    first.close()


def test_restart_drops_what_is_there(path: Path) -> None:
    journal = PageJournal(path, QUERY | {"filter": "nsites=1"}, restart=True)
    assert journal.n_pages == 0
    journal.close()
