"""A small load on a running stack: every outcome that can be had without breaking anything."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from epitaxy.client import Client, composition, molecule, polymer
from epitaxy.client.errors import EpitaxyClientError, FineTuneFailedError, NotFoundError
from epitaxy.client.finetune.job import FineTuneJob
from epitaxy_models.data.crystals import bundled_crystals, write_cifs
from epitaxy_models.structures import structure_to_column
from epitaxy_models.testing.equivalent_cells import scaled
from tools.dashboards.campaign_load import CampaignLoad

ROUND_SECONDS = 2.0
EXPLANATION_SECONDS = 6.0
JOB_SECONDS = 600.0
_CRYSTALS_A_ROUND = 40


def put_load_on(target: str, folder: Path, goes_on: Callable[[], bool], *, with_jobs: bool = False) -> int:
    """Screens known cells, new cells and a broken file while it ``goes_on``; how many structures were sent.

    Measurements of what was predicted go before it, and a campaign goes beside it; ``with_jobs`` two fine-tune jobs
    do so, too, one of which fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = [Path(file) for file in write_cifs(folder / "crystals")][:_CRYSTALS_A_ROUND]
    broken = folder / "broken.cif"
    broken.write_text("data_nothing\n")
    n_sent, n_rounds = 0, 0
    # A cell of one atom has no parts to test an explanation by.
    largest = max(known, key=lambda file: file.stat().st_size)
    with Client(target) as client, _explanations(target, [largest]), _campaign(target, folder / "pool", goes_on):
        jobs = _start_jobs(client) if with_jobs else []
        # Screened first, which waits as long as it takes: on a busy machine the first forward pass outlasts a deadline.
        warm = folder / "measured.jsonl"
        warm.write_text(
            "".join(f"{json.dumps({'id': row['id'], 'structure': row['structure']})}\n" for row in _measured())
        )
        n_sent += sum(1 for _ in client.screen(warm))
        client.report_measurements(_measured(), unit="eV", value="gap_ev", property="band_gap")
        while goes_on():
            began, n_rounds = time.monotonic(), n_rounds + 1
            new = _strained(folder / "new.jsonl", 1 + 0.001 * n_rounds)
            n_sent += sum(1 for _ in client.screen([*known, broken])) + sum(1 for _ in client.screen(new))
            _ask_the_rest(client, known[:2])
            time.sleep(max(0.0, ROUND_SECONDS - (time.monotonic() - began)))
        for job in jobs:
            with suppress(FineTuneFailedError):
                job.wait(timeout=JOB_SECONDS)
        time.sleep(ROUND_SECONDS * 2 if jobs else 0)  # until their ends are counted and scraped
    return n_sent


@contextmanager
def _explanations(target: str, files: list[Path]) -> Iterator[None]:
    """One every few seconds beside the rest; the first waits until a process that explains has started."""
    is_over = Event()

    def ask() -> None:
        with Client(target) as client:
            while not is_over.wait(EXPLANATION_SECONDS):
                with suppress(EpitaxyClientError):
                    client.explain(files)

    thread = Thread(target=ask, name="explanations")
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


@contextmanager
def _campaign(target: str, folder: Path, goes_on: Callable[[], bool]) -> Iterator[None]:
    """A campaign beside the rest. What goes wrong with it is raised at the end."""
    with ThreadPoolExecutor(1, "campaign") as pool:
        working = pool.submit(lambda: CampaignLoad.begin(target, folder).work(goes_on))
        yield
        working.result()


def _start_jobs(client: Client) -> list[FineTuneJob]:
    rows = _measured()
    quick = {"column": "gap_ev", "unit": "eV", "strategies": ["pool_median", "embedding_ridge"]}
    # Twelve labels of one crystal are one label, which the audit finds to be too few.
    return [
        client.finetune(rows, name="gaps", **quick),
        client.finetune([{**rows[0], "id": str(number)} for number in range(12)], name="no-gaps", **quick),
    ]


def _measured() -> list[dict[str, object]]:
    """Crystals with the band gap that was measured on them."""
    known = [crystal for crystal in bundled_crystals() if crystal.measured_band_gap_ev is not None]
    return [
        {
            "id": crystal.identifier,
            "structure": structure_to_column(crystal.structure),
            "gap_ev": crystal.measured_band_gap_ev,
        }
        for crystal in known[:_CRYSTALS_A_ROUND]
    ]


def _ask_the_rest(client: Client, files: list[Path]) -> None:
    client.predict(files)
    # One of each kind, and one that is refused.
    client.predict([molecule("CCO"), polymer("*CC*"), composition("Fe2O3"), molecule("[Na+].[Cl-]")])
    with client.search(files, 1, "band_gap:max") as found:
        found.best()
    list(client.validate(files))
    list(client.finetune_jobs())
    with suppress(NotFoundError):
        client.get_model("no-such-model")


def _strained(path: Path, factor: float) -> Path:
    with path.open("w") as file:
        for crystal in bundled_crystals()[:_CRYSTALS_A_ROUND]:
            cell = scaled(crystal.structure, factor)
            file.write(json.dumps({"id": crystal.identifier, "structure": structure_to_column(cell)}) + "\n")
    return path
