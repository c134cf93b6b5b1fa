"""Parsers under inputs that nobody would write: the corpus of what once went wrong, and new ones in each run."""

import os
import zlib
from pathlib import Path

import pytest
from fuzz.mutation import mutations
from fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
# `make fuzz` tries more.
N_TRIES = int(os.environ.get("EPITAXY_FUZZ_TRIES", "25"))


@pytest.mark.filterwarnings("ignore")  # libraries warn of what they are given, and rightly
@pytest.mark.parametrize("name", TARGETS)
def test_a_parser_refuses_by_errors_of_ours_only(name: str) -> None:
    target = TARGETS[name]
    kept = [path.read_bytes() for path in sorted((CORPUS / name).glob("*"))]
    for content in [*target.seeds, *kept]:
        target(content)
    seed = int(os.environ.get("EPITAXY_FUZZ_SEED", "0")) + zlib.crc32(name.encode())
    for content in mutations([b"", *target.seeds, *kept], N_TRIES, seed):
        try:
            target(content)
        except Exception:
            print(f"keep it as {CORPUS / name}/: {content!r}")  # noqa: T201  # shown with the failure
            raise


def test_seeds_are_taken_so_that_mutations_start_from_what_is_valid() -> None:
    for name in ("cif", "poscar", "extxyz", "structure_column", "material_composition", "labels_csv", "job_request"):
        assert TARGETS[name](TARGETS[name].seeds[0]), name


def test_a_corpus_belongs_to_a_target() -> None:
    assert {path.name for path in CORPUS.iterdir() if path.is_dir()} <= set(TARGETS)
