"""Students on disk, beside the weights of their model: ``students.safetensors`` and ``students.json``; no code runs."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from epitaxy_models.ensembles.side_files import content_digest, replace_file
from epitaxy_models.errors import CheckpointError
from epitaxy_models.search.features import N_FEATURES
from epitaxy_models.search.network import StudentNetwork
from epitaxy_models.search.students import Students

TENSORS, RECORD = "students.safetensors", "students.json"
_FORMAT = "epitaxy-students-1"
_PARTS = ("centers", "spreads", "scale_factors", "residuals")
# Two bytes a number move a score by less than a hundredth of its scale.
_HALVED = ("elements", "inputs", "hidden", "outputs", "residuals")


def save_students(students: Students, folder: Path, facts: dict[str, Any]) -> None:
    """Writes both files; ``facts`` are measurements and origins that the record should keep, ready for JSON."""
    tensors: dict[str, NDArray[Any]] = {**students.network.tensors()}
    tensors |= {name: getattr(students, name) for name in _PARTS}
    tensors = {name: value.astype(np.float16 if name in _HALVED else np.float32) for name, value in tensors.items()}
    tensors["known_elements"] = students.known_elements.astype(np.uint8)
    content = save_tensors({name: np.ascontiguousarray(value) for name, value in tensors.items()})
    record = {
        "format": _FORMAT,
        "model": students.weights_digest,
        "tensors": content_digest(content),
        "quantities": [list(quantity) for quantity in students.quantities],
        "facts": facts,
    }
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / TENSORS, content)
    replace_file(folder / RECORD, f"{json.dumps(record, indent=1, allow_nan=False)}\n".encode())


def has_students(folder: Path) -> bool:
    """Whether a model's folder has students."""
    return (folder / RECORD).exists()


def load_students(folder: Path, weights_digest: str) -> Students:
    """Reads the students of the model with that digest.

    Raises CheckpointError: NO_STUDENTS if the folder has none, STUDENTS_OF_OTHER_WEIGHTS if they were fitted to the
    answers of another model, UNREADABLE_STUDENTS if they are damaged or of another version.
    """
    if not has_students(folder):
        raise CheckpointError(f"{folder} has no students: fit them, or evaluate everything", reason="NO_STUDENTS")
    try:
        record = json.loads((folder / RECORD).read_bytes())
        if record["format"] != _FORMAT:
            raise ValueError(f"format {record['format']!r:.60}")
        owner = str(record["model"])
        content = (folder / TENSORS).read_bytes()
        if content_digest(content) != record["tensors"]:
            raise ValueError(f"{TENSORS} is not the file that the record names")
        quantities = tuple((str(name), str(end)) for name, end in record["quantities"])
        students = _students(load_tensors(content), quantities, owner)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{folder} holds no readable students: {error}; fit them again", reason="UNREADABLE_STUDENTS"
        ) from error
    if owner != weights_digest:
        raise CheckpointError(
            f"the students in {folder} were fitted to weights {owner[:19]}, and the model has {weights_digest[:19]}: "
            "fit them again",
            reason="STUDENTS_OF_OTHER_WEIGHTS",
        )
    return students


def _students(tensors: dict[str, NDArray[Any]], quantities: tuple[tuple[str, str], ...], owner: str) -> Students:
    wide = {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in tensors.items()}
    if not all(np.isfinite(value).all() for value in wide.values()):
        raise ValueError("numbers that are not finite")
    network = StudentNetwork(**{field.name: wide[field.name] for field in fields(StudentNetwork)})
    n_members, _, n_numbers, width = network.elements.shape
    n = len(quantities)
    expected = {
        "inputs": (n_members, N_FEATURES, width),
        "input_bias": (n_members, width),
        "hidden": (n_members, 2, width, width),
        "hidden_bias": (n_members, 2, width),
        "outputs": (n_members, width, 2 * n),
        "output_bias": (n_members, 2 * n),
        "feature_mean": (N_FEATURES,),
        "feature_std": (N_FEATURES,),
        "centers": (n,),
        "spreads": (n,),
        "scale_factors": (2, n),
        "residuals": (2, n, wide["residuals"].shape[-1]),
        "known_elements": (n_numbers,),
    }
    wrong = [name for name, shape in expected.items() if wide[name].shape != shape]
    if wrong:
        raise ValueError(f"tensors of other shapes: {', '.join(wrong)}")
    return Students(
        quantities,
        network,
        **{name: wide[name] for name in _PARTS},
        known_elements=wide["known_elements"] > 0,
        weights_digest=owner,
    )
