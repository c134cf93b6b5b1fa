"""Pools: broken structures, copies, rules, files, and work that was interrupted."""

import asyncio
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from campaign_rig import TENANT, CampaignRig, candidates, crystal, measured, spec

from epitaxy.campaigns.domain.candidates import Candidate
from epitaxy.campaigns.domain.record import CampaignState
from epitaxy.campaigns.domain.spec import Constraint, PoolFile, PoolRules
from epitaxy.campaigns.pool.cells import packed_form
from epitaxy.campaigns.pool.features import FeatureFolder
from epitaxy.campaigns.ports import RequestKey
from epitaxy.chassis.errors import (
    FailedPreconditionError,
    InvalidRequestError,
    PermissionDeniedError,
    UnavailableError,
)
from epitaxy_models.structures import Structure, structure_to_column


def add(rig: CampaignRig, some: list[Candidate], *, is_last: bool = True, request: RequestKey | None = None):
    return rig.campaigns.add_candidates(TENANT, "one", some, request, is_last=is_last)


def heavy(name: str) -> Candidate:
    return Candidate(name, packed_form(crystal(1, second=94)))


def supercell(number: int) -> Structure:
    """The source of these tests gives cells ten Angstrom apart one key."""
    cell = crystal(number)
    return Structure(cell.lattice + 10 * np.eye(3), cell.atomic_numbers, cell.frac_coords)


def test_broken_candidates_and_copies_have_their_reasons_and_the_rest_go_on(rig: CampaignRig) -> None:
    rig.campaigns.create(TENANT, spec(), None, None)
    bad_id = Candidate("", packed_form(crystal(1)), fault=("INVALID_ID", "an id must have characters"))
    added, _ = add(rig, [*candidates([1, 2, 3]), heavy("pu"), *candidates([2]), bad_id], is_last=False)
    assert [(told.id, told.reason) for told in added.refused] == [("c2", "DUPLICATE_ID"), ("", "INVALID_ID")]
    add(rig, [Candidate("twin", packed_form(supercell(2)))])
    rig.prepare()
    view = rig.campaigns.get(TENANT, "one")
    pool = view.record.pool
    assert pool is not None
    assert (pool.n_rows, pool.n_ready, pool.n_refused, pool.n_copies) == (5, 3, 1, 1)
    assert pool.refusals == {"UNSUPPORTED_ELEMENT": 1}
    assert view.table is not None
    assert [(entry["id"], entry["reason"]) for entry in view.table.refused(10)] == [
        ("pu", "UNSUPPORTED_ELEMENT"),
        ("twin", "DUPLICATE_OF_CANDIDATE"),
    ]
    assert "c2" in view.table.refused(10)[1]["message"]
    assert {ticket.id for ticket in rig.recommend(n=9).tickets} == {"c1", "c2", "c3"}


def test_a_result_of_a_copy_closes_the_crystal(rig: CampaignRig) -> None:
    rig.campaigns.create(TENANT, spec(), None, None)
    add(rig, [*candidates([1, 2]), Candidate("twin", packed_form(supercell(2))), heavy("pu")])
    rig.prepare()
    assert rig.report(measured("twin", 1.0), measured("pu", 1.0)) == [
        ("RECORDED", ""),
        ("REFUSED", "UNUSABLE_CANDIDATE"),
    ]
    assert {ticket.id for ticket in rig.recommend(n=9).tickets} == {"c1"}


def test_rules_leave_out_and_say_how_many(rig: CampaignRig) -> None:
    rules = PoolRules(excluded_elements=("K",), domain_verdicts=("IN_DOMAIN",), review_verdicts=("ACCEPT",))
    limits = (Constraint("edge", False, 3.655), Constraint("price", True, 5.0))
    rig.campaigns.create(TENANT, spec(rules=rules, constraints=limits), None, None)
    potassium = [Candidate(f"k{at}", packed_form(crystal(10 + at, second=19))) for at in range(3)]
    priced = candidates(range(10), known={"price": 4.0})
    dear = candidates([20, 21], known={"price": 6.0})
    unknown = candidates([30])
    far = candidates([140], known={"price": 1.0})
    add(rig, [*potassium, *priced, *dear, *unknown, *far])
    rig.prepare()
    view = rig.campaigns.get(TENANT, "one")
    assert view.record.pool_counts.left_out == {
        "excluded_elements": 3,
        "domain_verdicts": 1,
        "review_verdicts": 1,
        "edge>=3.655": 6,
        "price<=5": 6,
    }
    assert view.n_open == 4
    assert {ticket.id for ticket in rig.recommend(n=50).tickets} == {f"c{at}" for at in range(6, 10)}


def test_a_pool_without_anything_that_meets_the_rules_says_why_and_can_be_helped(rig: CampaignRig) -> None:
    rules = PoolRules(allowed_elements=("Na", "F"))
    rig.campaigns.create(TENANT, spec(rules=rules, constraints=(Constraint("edge", True, 3.0),)), None, None)
    add(rig, candidates(range(5)))
    rig.prepare()
    with pytest.raises(FailedPreconditionError, match="none of 5 usable candidates meets all rules") as refused:
        rig.recommend()
    assert refused.value.reason == "NO_CANDIDATE_ALLOWED"
    assert "allowed_elements leaves out 5, edge<=3 leaves out 5" in refused.value.message
    assert rig.record().state is CampaignState.FAILED
    rig.campaigns.change_objectives(TENANT, "one", rig.record().objectives, (), None)
    add(rig, [Candidate("f", packed_form(crystal(3, second=9)))])
    rig.prepare()
    assert [ticket.id for ticket in rig.recommend().tickets] == ["f"]


def test_a_pool_that_cannot_be_read_at_all_fails(rig: CampaignRig) -> None:
    rig.campaigns.create(TENANT, spec(), None, None)
    add(rig, [heavy("pu")])
    rig.prepare()
    with pytest.raises(FailedPreconditionError, match="UNSUPPORTED_ELEMENT") as refused:
        rig.recommend()
    assert refused.value.reason == "NO_USABLE_CANDIDATE"


def test_a_pool_without_a_candidate_is_not_completed(rig: CampaignRig) -> None:
    rig.campaigns.create(TENANT, spec(), None, None)
    bad = Candidate("x", b"", fault=("EMPTY_STRUCTURE", "the candidate has no structure"))
    for some in ([], [bad]):
        with pytest.raises(InvalidRequestError, match="no candidate"):
            add(rig, some)
    add(rig, candidates([1, 2]), is_last=False)
    add(rig, [])
    rig.prepare()
    assert rig.record().state is CampaignState.ACTIVE


def test_adding_is_repeatable(rig: CampaignRig) -> None:
    rig.campaigns.create(TENANT, spec(), None, None)
    key = RequestKey("r1", "d")
    first, record = add(rig, candidates(range(5)), is_last=False, request=key)
    again, record = rig.again().campaigns.add_candidates(TENANT, "one", candidates(range(5)), key, is_last=False)
    assert again == first
    assert record.n_rows == 5


def test_work_that_was_killed_goes_on_and_asks_nothing_twice(rig: CampaignRig) -> None:
    rig.campaigns.create(TENANT, spec(), None, None)
    for start in range(0, 60, 10):
        add(rig, candidates(range(start, start + 10)), is_last=start == 50)
    source, asked = rig.source, []
    featurize = source.featurize

    async def dying(*arguments):
        asked.append(arguments)
        if len(asked) >= 4:
            # Two chunks are under way at once: what was answered and not yet kept would rightly be asked for again,
            # and the one beside the fourth gets no answer either.
            while len(list(rig.home.rglob("facts/*.arrow"))) < 3:  # noqa: ASYNC110 - files, which tell nobody
                await asyncio.sleep(0.01)
            raise RuntimeError("killed")
        return await featurize(*arguments)

    source.featurize = dying
    with pytest.raises(RuntimeError, match="killed"):
        rig.prepare()
    source.featurize = featurize
    assert source.n_asked == 30
    other = rig.again()
    other.prepare()
    assert source.n_asked == 60
    table = other.campaigns.get(TENANT, "one").table
    assert table is not None
    edges = table.estimates("edge")[0]
    assert np.allclose(edges, [3.6 + 0.01 * number for number in range(60)], atol=1e-5)
    assert np.load(table.features.folder / "embedding.npy").shape == (60, 6)


def test_a_source_that_fails_is_asked_again(rig: CampaignRig) -> None:
    rig.campaigns.create(TENANT, spec(), None, None)
    add(rig, candidates(range(5)))
    rig.source.failures = [UnavailableError("gone")]
    rig.prepare()
    assert rig.observer.n_retries == 1
    assert len(rig.recommend(n=9).tickets) == 5


def test_candidates_added_later_are_chosen_too_and_the_loop_need_not_wait(rig: CampaignRig) -> None:
    rig.ready(range(6))
    add(rig, candidates(range(6, 9)))
    assert rig.record().state is CampaignState.ACTIVE
    assert {ticket.id for ticket in rig.recommend(n=20).tickets} == {f"c{at}" for at in range(6)}
    rig.prepare()
    assert {ticket.id for ticket in rig.recommend(n=20).tickets} == {"c6", "c7", "c8"}
    assert rig.source.n_asked == 9


def test_another_substrate_has_features_of_its_own(rig: CampaignRig) -> None:
    rig.ready(range(6))
    old = rig.record().pool
    rig.source.digest, rig.source.version = "sha256:" + "cd" * 32, "2"
    add(rig, candidates(range(6, 9)))
    rig.prepare()
    new = rig.record().pool
    assert (new.substrate, new.n_ready) == ("fake:2", 9)
    assert rig.source.n_asked == 15
    pool = rig.shelf.find(TENANT, "one").pool
    assert (
        FeatureFolder(pool.folder, old.weights_digest).folder != FeatureFolder(pool.folder, new.weights_digest).folder
    )


@pytest.fixture
def opened(rig: CampaignRig) -> Path:
    folder = rig.home / "open" / TENANT
    folder.mkdir(parents=True)
    return folder


def write(path: Path, columns: dict[str, list]) -> str:
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pa.table(columns), path)
    elif path.suffix == ".jsonl":
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        quoted = [['"' + str(cell).replace('"', '""') + '"' for cell in cells] for cells in columns.values()]
        rows = [",".join(row) for row in zip(*quoted, strict=True)]
        path.write_text("\n".join([",".join(columns), *rows]))
    return path.as_uri()


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_a_pool_comes_from_a_file_with_costs_groups_and_known_values(rig, opened, suffix: str) -> None:
    numbers = range(300)  # more than one piece
    columns = {
        "structure": [structure_to_column(crystal(number)) for number in numbers],
        "name": [f"f{number}" for number in numbers],
        "euro": [1.0 + number for number in numbers],
        "batch": ["a"] * 300,
        "price": [float(number) for number in numbers],
    }
    columns["structure"][7] = "NaCl"
    uri = write(opened / f"pool{suffix}", columns)
    file = PoolFile(uri, "structure", "name", "euro", "batch", ("price",))
    rig.campaigns.create(TENANT, spec(constraints=(Constraint("price", True, 20.0),)), file, None)
    with pytest.raises(FailedPreconditionError, match="being prepared"):
        rig.recommend()
    rig.prepare()
    record = rig.record()
    assert (record.pool.n_ready, record.pool_counts.n_allowed) == (299, 20)
    assert record.pool.refusals == {"KIND_NOT_STATED": 1}
    ticket = rig.recommend(n=1).tickets[0]
    assert ticket.cost == 1.0 + int(ticket.id[1:])
    assert rig.again().record().n_rows == 300


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"composition": ["NaCl"], "id": ["a"]}, "KIND_NOT_STATED"),
        ({"crystal": ["x"], "id": ["a"]}, "NO_POOL_COLUMN"),
        ({"structure": ["x", "y"], "id": ["a", "a"]}, "DUPLICATE_ID"),
        ({"structure": []}, "NO_USABLE_CANDIDATE"),
    ],
)
def test_a_file_that_is_no_pool_fails_with_the_reason(rig, opened, columns, reason: str) -> None:
    uri = write(opened / "pool.parquet", {name: pa.array(cells, pa.string()) for name, cells in columns.items()})
    rig.campaigns.create(TENANT, spec(), PoolFile(uri), None)
    rig.prepare()
    record = rig.record()
    assert record.state is CampaignState.FAILED
    assert record.pool_failure.reason == reason


def test_files_are_read_below_the_tenants_roots_alone(rig, opened) -> None:
    uri = write(opened / "pool.parquet", {"structure": ["x"]})
    for foreign in (uri.replace(TENANT, "globex"), "file:///etc/passwd.csv", uri.replace("pool", "../acme/pool")):
        with pytest.raises(PermissionDeniedError, match="put them below"):
            rig.campaigns.create(TENANT, spec(), PoolFile(foreign), None)
    with pytest.raises(InvalidRequestError, match="must end in"):
        rig.campaigns.create(TENANT, spec(), PoolFile(uri.replace("parquet", "xlsx")), None)
    (opened / "broken.parquet").write_bytes(b"no table")
    rig.campaigns.create(TENANT, spec(), PoolFile((opened / "broken.parquet").as_uri()), None)
    rig.prepare()
    assert rig.record().pool_failure.reason == "UNREADABLE_POOL"


def test_a_deleted_campaign_leaves_no_files(rig: CampaignRig) -> None:
    rig.ready(range(6))
    folder = rig.shelf.find(TENANT, "one").pool.folder
    assert folder.exists()
    rig.campaigns.delete(TENANT, "one", confirm=True)
    assert not folder.exists()
