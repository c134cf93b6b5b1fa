"""The OPTIMADE reference server with its own test data, and faults on request: ``python optimade_server.py PORT LOG``.

``LOG`` gets a line for every request: seconds, then path and query. The file ``LOG.faults`` says what goes wrong, one
word and a number a line, read at every request: ``busy 2`` answers the next two pages with 429 and ``Retry-After: 1``,
``broken 3`` the next three with 503, ``slow 0.5`` delays every page.
"""

import asyncio
import itertools
import logging
import math
import sys
import time
from pathlib import Path
from typing import Any

import optimade.server.data as test_data
import uvicorn
from optimade.server.config import ServerConfig
from optimade.server.create_app import create_app

# Left as they are, to be refused: a flat cell, and sites that share one position.
UNUSABLE = ("mpf_1", "mpf_110")
SPACING = 3.0


def lay_out(structure: dict[str, Any]) -> None:
    """Puts the sites on a cubic grid: nearly all of the test data has them at one point."""
    edge = math.ceil(structure["nsites"] ** (1 / 3))
    places = itertools.islice(itertools.product(range(edge), repeat=3), structure["nsites"])
    structure["cartesian_site_positions"] = [[SPACING * step for step in place] for place in places]
    length = SPACING * edge
    structure["lattice_vectors"] = [[length, 0, 0], [0, length, 0], [0, 0, length]]


class Faults:
    def __init__(self, app: Any, log: Path) -> None:
        self._app = app
        self._log = log
        self._given: dict[str, int] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].endswith("/structures") or "info" in scope["path"]:
            await self._app(scope, receive, send)
            return
        with self._log.open("a") as file:
            file.write(f"{time.monotonic()} {scope['query_string'].decode()}\n")
        faults = self._read()
        await asyncio.sleep(faults.get("slow", 0))
        for fault, status in (("busy", 429), ("broken", 503)):
            if self._given.get(fault, 0) < faults.get(fault, 0):
                self._given[fault] = self._given.get(fault, 0) + 1
                headers = [(b"retry-after", b"1")] if status == 429 else []
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": b"later"})
                return
        await self._app(scope, receive, send)

    def _read(self) -> dict[str, float]:
        path = self._log.with_name(self._log.name + ".faults")
        words = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        return {name: float(number) for name, number in words}


def main() -> None:
    port, log = int(sys.argv[1]), Path(sys.argv[2])
    for number, structure in enumerate(test_data.structures):
        if structure["task_id"] not in UNUSABLE:
            lay_out(structure)
        structure["band_gap"] = None if number == 3 else number / 10
    field = {"name": "band_gap", "type": "float", "unit": "eV", "description": "Band gap"}
    config = ServerConfig(
        base_url=f"http://127.0.0.1:{port}",
        database_backend="mongomock",
        insert_test_data=True,
        log_dir=log.parent,
        # The names under which its own test data keeps these.
        aliases={
            "structures": {
                "id": "task_id",
                "chemical_formula_descriptive": "pretty_formula",
                "chemical_formula_reduced": "pretty_formula",
                "chemical_formula_anonymous": "formula_anonymous",
            }
        },
        provider_fields={"structures": [field]},
    )
    app = create_app(config)
    logging.disable(logging.INFO)
    uvicorn.run(Faults(app, log), host="127.0.0.1", port=port, log_level="warning", lifespan="on")


if __name__ == "__main__":
    main()
