"""What all statements of symmetry in one block amount to: the groups that all allow, or what each one proposes."""

from dataclasses import dataclass
from functools import lru_cache

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.intake import RefusalReason
from epitaxy_models.structures.space_group_names import (
    every_setting_of_number,
    other_axes_of_symbol,
    space_group_of_hall,
    space_groups_of_number,
    space_groups_of_symbol,
)
from epitaxy_models.structures.symmetry import SpaceGroup, operations_of, space_group_of_triplets
from epitaxy_models.structures.symmetry_statements import Role, Statement, SymmetryStatements

_MAX_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Resolution:
    """What the statements of one block amount to.

    Attributes:
        agreed: The space groups (settings) that all statements allow; empty if the statements contradict each other.
        proposed: Each distinct space group with the statements that allow it.
        unread: Statements that name no known space group.
        completed: Listed operations that form no group and lie within those of ``agreed``.
    """

    agreed: tuple[SpaceGroup, ...]
    proposed: tuple[tuple[SpaceGroup, tuple[Statement, ...]], ...]
    unread: tuple[Statement, ...] = ()
    completed: Statement | None = None


@lru_cache(maxsize=512)
def resolve(symmetry: SymmetryStatements) -> Resolution:
    """The space groups that all statements allow, or all that one of them proposes.

    Raises InvalidStructureError (UNREADABLE, TRUNCATED_FILE) if there are statements and none can be read.
    """
    stated = symmetry.stated
    readings = [(one, _groups_of(one)) for one in stated if one.role is not Role.OPERATIONS]
    problems: list[tuple[Statement, InvalidStructureError]] = []
    for one in stated:
        if one.role is Role.OPERATIONS:
            try:
                readings.insert(0, (one, (space_group_of_triplets(one.values),)))
            except InvalidStructureError as problem:
                problems.append((one, problem))
    understood = [(one, groups) for one, groups in readings if groups]
    unread = tuple(one for one, groups in readings if not groups)
    if problems and not understood:
        raise problems[0][1]
    if unread and not understood:
        raise InvalidStructureError(
            f"space group {unread[0].values[0][:_MAX_SHOWN]!r} is not known ({unread[0].tag[:_MAX_SHOWN]}): list its "
            "symmetry operations",
            reason=RefusalReason.UNREADABLE,
        )
    pool = {group.triplets: group for _, groups in understood for group in groups}.values()
    proposed = tuple((group, tuple(one for one, groups in understood if _allows(one, groups, group))) for group in pool)
    agreed = tuple(group for group, allowing in proposed if len(allowing) == len(understood))
    if not problems:
        return Resolution(agreed, proposed, unread)
    return _completed(agreed, proposed, unread, problems[0])


def _completed(
    agreed: tuple[SpaceGroup, ...],
    proposed: tuple[tuple[SpaceGroup, tuple[Statement, ...]], ...],
    unread: tuple[Statement, ...],
    problem: tuple[Statement, InvalidStructureError],
) -> Resolution:
    """The named groups that hold every listed operation of a list that is no group by itself."""
    statement, refusal = problem
    if refusal.reason != RefusalReason.TRUNCATED_FILE:
        raise refusal
    listed = {operation.wrap().triplet() for operation in operations_of(statement.values)}
    holding = tuple(group for group in agreed if listed <= group.triplets)
    if not holding:
        raise refusal
    return Resolution(holding, proposed, unread, statement)


def _groups_of(statement: Statement) -> tuple[SpaceGroup, ...]:
    value = statement.values[0]
    if statement.role is Role.HALL:
        group = space_group_of_hall(value)
        return (group,) if group else ()
    if statement.role is Role.SYMBOL:
        return space_groups_of_symbol(value)
    if not value.isdecimal() or len(value) > 3:
        return ()
    return space_groups_of_number(int(value), *statement.values[1:])


def _allows(statement: Statement, groups: tuple[SpaceGroup, ...], group: SpaceGroup) -> bool:
    if any(group.triplets == own.triplets for own in groups):
        return True
    if statement.role in {Role.OPERATIONS, Role.HALL} or len(statement.values) > 1:
        return False
    if group.number is None:
        # No entry of the tables: another origin or odd axes. Point group and, by the symbol, centring can be compared.
        same_lattice = statement.role is Role.NUMBER or group.n_centrings == groups[0].n_centrings
        return same_lattice and group.crystal_class == groups[0].crystal_class
    if statement.role is Role.NUMBER or statement.tag.lower().endswith("_ref"):
        return group.number == groups[0].number
    return any(group.triplets == other.triplets for other in other_axes_of_symbol(statement.values[0]))


def groups_in_other_axes(stated: tuple[Statement, ...]) -> tuple[SpaceGroup, ...]:
    """Settings of the named group in other axes than the symbol's usual ones; empty if a statement fixes the axes."""
    found: tuple[SpaceGroup, ...] = ()
    for one in stated:
        if one.role in {Role.OPERATIONS, Role.HALL} or len(one.values) > 1:
            return ()
        if one.role is Role.SYMBOL:
            return other_axes_of_symbol(one.values[0])
        found = every_setting_of_number(int(one.values[0])) if one.values[0].isdecimal() else found
    return found
