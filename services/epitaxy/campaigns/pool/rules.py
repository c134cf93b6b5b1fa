"""Which rows of a pool may be chosen, and which rule leaves out how many."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from epitaxy.campaigns.domain.events import PoolCounts
from epitaxy.campaigns.domain.spec import Constraint, PoolRules
from epitaxy.campaigns.pool.table import PoolTable
from epitaxy_models.structures.elements import symbol_of

Mask = NDArray[np.bool_]
_N_ELEMENTS = 119


def allowed_rows(
    table: PoolTable, rules: PoolRules, constraints: Sequence[Constraint], measured: frozenset[str]
) -> tuple[Mask, PoolCounts]:
    """Rows that all rules let pass, ``[n_rows]``, and the count of each rule.

    ``measured`` are properties that only results tell: their constraints leave no candidate out here.
    """
    key = (rules, tuple(constraints), measured)
    if key not in table.allowed:
        allowed, left_out = table.is_candidate.copy(), {}
        for name, keeps in _masks(table, rules, constraints, measured):
            left_out[name] = int((table.is_candidate & ~keeps).sum())
            allowed &= keeps
        table.allowed.clear()  # one aim at a time
        table.allowed[key] = (allowed, PoolCounts(int(allowed.sum()), left_out))
    allowed, counts = table.allowed[key]
    return allowed.copy(), counts


def column_of(table: PoolTable, name: str) -> NDArray[np.float64] | None:
    """Known values of a property, and where they are unknown what the substrate predicts; None: neither."""
    estimated = table.estimates(name)
    if name not in table.known_columns:
        return None if estimated is None else estimated[0].astype(np.float64)
    known = table.known(name)
    return known if estimated is None else np.where(np.isnan(known), estimated[0], known)


def _masks(
    table: PoolTable, rules: PoolRules, constraints: Sequence[Constraint], measured: frozenset[str]
) -> Iterator[tuple[str, Mask]]:
    if rules.excluded_elements:
        yield "excluded_elements", ~_has_any(table, _flags(rules.excluded_elements))
    if rules.allowed_elements:
        yield "allowed_elements", ~_has_any(table, ~_flags(rules.allowed_elements))
    if rules.domain_verdicts:
        yield "domain_verdicts", _is_in(table, "domain_verdict", rules.domain_verdicts)
    if rules.review_verdicts:
        yield "review_verdicts", _is_in(table, "review_verdict", rules.review_verdicts)
    for constraint in constraints:
        values = None if constraint.property in measured else column_of(table, constraint.property)
        if values is not None:
            with np.errstate(invalid="ignore"):
                yield str(constraint), values <= constraint.limit if constraint.is_upper else values >= constraint.limit


def _flags(symbols: Sequence[str]) -> Mask:
    return np.array([number > 0 and symbol_of(number) in symbols for number in range(_N_ELEMENTS)])


def _has_any(table: PoolTable, flags: Mask) -> Mask:
    """Rows with at least one flagged element."""
    elements = table.texts("elements")
    sizes = np.asarray(pc.binary_length(elements).to_numpy(zero_copy_only=False), dtype=np.int64)
    _, offsets, values = elements.buffers()
    first = np.frombuffer(offsets, dtype=np.int32)[elements.offset] if len(sizes) else 0
    # All texts lie one after the other: a list of a million of them would take long.
    atoms = np.frombuffer(values or b"", dtype=np.uint8)[first : first + sizes.sum()]
    rows = np.repeat(np.arange(len(sizes)), sizes)
    return np.bincount(rows[flags[atoms]], minlength=len(sizes)) > 0


def _is_in(table: PoolTable, column: str, values: Sequence[str]) -> Mask:
    found = pc.is_in(table.texts(column), value_set=pa.array(list(values)))
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)
