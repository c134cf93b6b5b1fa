"""The best rows of a folder of parts, and its repeated ids: read from the parts again, a piece at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy.cli.screen.outcome import OutcomeTally
from epitaxy.cli.screen.parts import PartFolder
from epitaxy.cli.screen.ranking import Ranking
from epitaxy.client.screening.rows import COLUMNS


def rank_parts(folder: PartFolder, tally: OutcomeTally, ranking: Ranking | None) -> None:
    """Shows every id once to the tally, and to the ranking the rows that may be among the best."""
    for part in folder.parts:
        for table, read_group in _groups(folder.path / part.name):
            properties = table["property"]
            tally.add_ids(table["id"].filter(_first_rows(properties)).to_pylist())
            if ranking is None:
                continue
            rows = _candidates(properties, table["value"], ranking)
            if len(rows):
                for row in read_group().take(rows).select(list(COLUMNS)).to_pylist():
                    ranking.see(tuple(row.values()))


def _groups(path: Path) -> Iterator[tuple[Any, Any]]:
    """The narrow columns of each row group, and what reads all of its columns."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - nothing else of the command needs it at its start

    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            narrow = file.read_row_group(group, columns=["id", "property", "value"])
            yield narrow, lambda group=group: file.read_row_group(group)


def _first_rows(properties: Any) -> Any:
    """Which rows are the first of their structure: those without a property, and those of the first one."""
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    names = properties.drop_null()
    if not len(names):
        return pc.is_null(properties)
    return pc.fill_null(pc.equal(properties, names[0]), True)


def _candidates(properties: Any, values: Any, ranking: Ranking) -> NDArray[np.intp]:
    """Rows of the ranked property that may be among the best, in the order of the table."""
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    is_ranked = pc.fill_null(pc.equal(properties, ranking.property_name), False).to_numpy()
    rows = np.flatnonzero(is_ranked)
    numbers = values.to_numpy()[rows]
    return np.sort(rows[ranking.best_of(numbers)])
