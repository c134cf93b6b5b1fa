"""``epitaxy finetune audit``: checks labels, and compares them with the base model, before any training."""

import dataclasses
import json
import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from epitaxy.cli import exit_codes
from epitaxy.cli.connecting import TargetOption, connect
from epitaxy.cli.finetune.options import (
    AcceptSuspiciousOption,
    BaseModelOption,
    CensoredOption,
    ColumnOption,
    DataOption,
    IdColumnOption,
    LabelConditionOption,
    LowFidelityOption,
    OneObjectOption,
    StructureColumnOption,
    Task,
    TaskOption,
    Transform,
    TransformOption,
)
from epitaxy.cli.inputs import (
    CompositionColumnOption,
    ElementColumnsOption,
    PolymerColumnOption,
    SmilesColumnOption,
    material_column_of,
)
from epitaxy.cli.terminal import stdout_console, usage_error
from epitaxy.cli.waiting import show_waiting
from epitaxy.cli.wording import noun_of
from epitaxy.client.finetune.columns import columns_of, conditions_of
from epitaxy.client.finetune.labels import is_address, read_labels, row_text

if TYPE_CHECKING:
    from epitaxy.cli.finetune.check import FlaggedRow, LabelCheck


def audit(
    context: typer.Context,
    data: DataOption,
    column: ColumnOption,
    unit: Annotated[str, typer.Option("--unit", help="Unit of the labels, to hold it against their values.")] = "",
    task: TaskOption = Task.AUTO,
    structure_column: StructureColumnOption = "structure",
    smiles: SmilesColumnOption = None,
    polymers: PolymerColumnOption = None,
    compositions: CompositionColumnOption = None,
    elements: ElementColumnsOption = None,
    id_column: IdColumnOption = None,
    transform: TransformOption = Transform.AUTO,
    low_fidelity: LowFidelityOption = None,
    conditions: LabelConditionOption = None,
    censored: CensoredOption = "",
    base_model: BaseModelOption = "",
    accept_suspicious: AcceptSuspiciousOption = False,
    rows: Annotated[int, typer.Option(min=0, help="Rows to print per kind of problem.")] = 10,
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Check labels before training.

    Makes the same check as a job: refused rows, labels that contradict each other, suspicious labels, constant ones,
    units; and lists rows far from the base model's training data. Trains and stores nothing. The report of a job has a
    deeper audit, with the nearest source materials.

    Exit code 0 if "create" with the same arguments would start, 3 if rows have to be skipped, 1 otherwise.
    """
    if is_address(data):
        raise usage_error("audit reads only local data; for labels on the server, read the audit in the job's report")
    columns = (column, *(one.name for one in columns_of(low_fidelity or ())))
    under = conditions_of(conditions or ())
    material = material_column_of(smiles, polymers, compositions, elements)
    where = material or structure_column
    labels = read_labels(data, columns, where, id_column, under, with_bounds=True, censored=censored, task=task.value)
    with connect(context, target) as client, show_waiting("awaiting the base model's answers to the rows"):
        model = base_model or (material.substrate if material else None)
        results = sorted(client.screen(iter(labels.items), None, model), key=lambda result: result.index)
    # Loads what a job checks by, which no other command needs.
    from epitaxy.cli.finetune.check import check_labels  # noqa: PLC0415

    check = check_labels(
        labels,
        column,
        results,
        unit=unit,
        transform=transform.value,
        accept_suspicious=accept_suspicious,
        noun=noun_of(material.kind if material else ""),
    )
    if as_json:
        sys.stdout.write(json.dumps(_document(check)) + "\n")
    else:
        _print(check, column, rows)
    raise typer.Exit(_exit_code(check))


def _exit_code(check: "LabelCheck") -> int:
    if check.stop is not None:
        return exit_codes.RUN_FAILED
    return exit_codes.SOME_REFUSED if check.refused else exit_codes.ALL_ANSWERED


def _print(check: "LabelCheck", column: str, n_shown: int) -> None:
    console = stdout_console()
    console.print(f"rows      {check.n_rows}, {check.n_labels} with {column}, {check.n_usable} usable {check.noun}s")
    for name, count in check.known.items():
        console.print(f"inputs    {name}: {count} values", soft_wrap=True)
    for covered in check.conditions:
        console.print(f"condition {covered}", soft_wrap=True)
    if check.n_upper_bounds + check.n_lower_bounds:
        console.print(f"bounds    {check.n_upper_bounds} upper and {check.n_lower_bounds} lower, learned as such")
    _print_labels(check)
    verdicts = ", ".join(f"{count} {name.lower().replace('_', ' ')}" for name, count in check.domain.items())
    console.print(f"domain    {verdicts or 'nothing to compare'}, according to the base model")
    if check.readings:
        console.print(f"reading   {check.readings_told}", soft_wrap=True)
    if check.head_alone:
        alone = check.head_alone
        error = f"{alone.property} errs by {alone.error:.3g} on {alone.n_labels} labels without learning from any"
        console.print(f"base      {error}", soft_wrap=True)
    _print_rows("refused", check.refused, n_shown)
    if check.suspicious:
        console.print(f"suspicious labels: {len(check.suspicious)}")
        for one in check.suspicious[:n_shown]:
            console.print(f"  {one.kind}: {one.message}", soft_wrap=True)
    _print_rows("contradictory labels", check.conflicts, n_shown)
    _print_rows("outlying labels", check.outliers, n_shown)
    _print_rows(f"same {check.noun}, labels agree", check.twins, n_shown)
    _print_rows("far from the base model's training data", check.far, n_shown)
    console.print(_sentence(check), soft_wrap=True)


def _print_labels(check: "LabelCheck") -> None:
    """What the labels are."""
    console = stdout_console()
    if check.n_ones is not None:
        console.print(f"labels    {check.n_ones} are 1 and {check.n_labels - check.n_ones} are 0: classification")
    elif check.n_labels:
        middle = f"median {check.median:g}, robust std {check.spread:.3g}"
        console.print(f"labels    {check.minimum:g} to {check.maximum:g}, {middle}")
    if check.is_skewed:
        console.print("          positive and skewed: --transform log10 or auto may help")


def _print_rows(title: str, flagged: "Sequence[FlaggedRow]", n_shown: int) -> None:
    if not flagged:
        return
    stdout_console().print(f"{title}: {len(flagged)}")
    for one in flagged[:n_shown]:
        stdout_console().print(f"  {row_text(one.id, one.row)}: {one.note}", soft_wrap=True)


def _sentence(check: "LabelCheck") -> str:
    from epitaxy.cli.finetune.check import MIN_LABELS  # noqa: PLC0415 - see `audit`

    if check.is_enough and check.stop is not None:
        return f"a job would not start: {check.stop.reason}: {check.stop.message}"
    if check.is_enough:
        return f"enough for a job: {check.n_usable} usable {check.noun}s, and a job needs at least {MIN_LABELS}"
    missing = MIN_LABELS - check.n_usable
    usable = f"{check.n_usable} usable {check.noun}s"
    return f"too few for a job: {usable}, but a job needs at least {MIN_LABELS}: add {missing}"


def _document(check: "LabelCheck") -> dict[str, Any]:
    """The whole check as a JSON object; null stands for NaN, which JSON lacks."""
    document = {**dataclasses.asdict(check), "is_enough": check.is_enough, "would_start": check.stop is None}
    is_number = {name: not (isinstance(value, float) and math.isnan(value)) for name, value in document.items()}
    return {name: value if is_number[name] else None for name, value in document.items()}
