"""What conditions add to the covariance: effects of their own, and what each block does under equal ones."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from epitaxy_models.transfer.inputs import DESCRIPTORS, EMBEDDING, FRACTIONS, PAIRS, SUBSTRATE
from epitaxy_models.transfer.strategies.block_kernel import KernelTerm, Shape

# What tells materials apart: how one answers to a condition depends on these. Crystals have no fractions or pairs.
_MATERIAL = (DESCRIPTORS, EMBEDDING, FRACTIONS, PAIRS, SUBSTRATE)


def condition_terms(names: Collection[str], conditions: Sequence[str]) -> Iterator[KernelTerm]:
    """Terms of the blocks ``conditions`` among ``names``; none where there are no conditions."""
    for name in conditions:
        yield KernelTerm(name, Shape.GAPPED_RBF)
        yield KernelTerm(name, Shape.GAPPED)
    if conditions:
        for name in _MATERIAL:
            if name in names:
                yield KernelTerm(name, Shape.RBF, tuple(conditions))


def term_record(term: KernelTerm) -> list[Any]:
    """Plain containers; terms without conditions are written as they always were."""
    return [term.block, str(term.shape), *([list(term.under)] if term.under else [])]


def restored_term(block: str, shape: str, under: Sequence[str] = ()) -> KernelTerm:
    """The term of a record."""
    return KernelTerm(block, Shape(shape), tuple(under))
