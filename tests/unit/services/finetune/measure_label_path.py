"""Times 500 structures from an inline request through the stored file to checked structures.

Run with ``python tests/unit/services/finetune/measure_label_path.py``; prints the median of seven runs, milliseconds.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from epitaxy.api.common.v1.structure_pb2 import PackedStructures, StructureInput
from epitaxy.api.finetune.v1 import finetune_pb2
from epitaxy.finetune.messages import source_of
from epitaxy.finetune.store.files import FolderJobFiles
from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.structures import pack_structures

N_STRUCTURES = 500
N_RUNS = 7
STEPS = ("convert", "save", "load", "read and check")


def main() -> None:
    """Prints one line per step, then the total."""
    runs = [seconds(request()) for _ in range(N_RUNS)]
    medians = [1e3 * statistics.median(step) for step in zip(*runs, strict=True)]
    lines = [f"{name:<16} {value:7.1f} ms" for name, value in zip(STEPS, medians, strict=True)]
    sys.stdout.write("\n".join([*lines, f"{'total':<16} {sum(medians):7.1f} ms"]) + "\n")


def request() -> finetune_pb2.CreateFineTuneJobRequest:
    """A request with all structures in one packed block."""
    structures = [crystal.structure for crystal in bundled_crystals()]
    chosen = [structures[number % len(structures)] for number in range(N_STRUCTURES)]
    packed = PackedStructures(**pack_structures(chosen)._asdict())
    values = finetune_pb2.LabelValues(column="label", values=np.arange(float(N_STRUCTURES)))
    labels = finetune_pb2.InlineLabels(structures=[StructureInput(id="block", packed=packed)], columns=[values])
    return finetune_pb2.CreateFineTuneJobRequest(inline=labels)


def seconds(message: finetune_pb2.CreateFineTuneJobRequest) -> list[float]:
    """Time of each step."""
    with tempfile.TemporaryDirectory() as folder:
        files = FolderJobFiles(Path(folder))
        marks = [time.perf_counter()]
        table = source_of(message)
        marks.append(time.perf_counter())
        files.save_labels("acme", "ft-1", table)
        marks.append(time.perf_counter())
        stored = files.load_labels("acme", "ft-1")
        marks.append(time.perf_counter())
        stored.read_structures()
        marks.append(time.perf_counter())
    return np.diff(marks).tolist()


if __name__ == "__main__":
    main()
