"""What a page shows of a material without a crystal: its drawing, and bars of its parts."""

from collections.abc import Sequence
from html import escape

from epitaxy.client.explanations.bars import Contribution, bars_of
from epitaxy.client.explanations.parts import AtomContribution, BondContribution
from epitaxy.client.explanations.results import ExplanationResult
from epitaxy.client.explanations.scene import colour_of

_SHOWN_PARTS = 16


def material_parts(explanation: ExplanationResult) -> str:
    """Drawing on the left, where there is one; tables of bars beside it."""
    tables = (
        _table("Elements", [(entry.label, entry) for entry in explanation.elements], explanation.unit)
        + _table("Atoms and bonds", _largest(explanation), explanation.unit)
        + _table("Conditions", [(entry.label, entry) for entry in explanation.conditions], explanation.unit)
    )
    if not explanation.drawing:
        return f"<div>{tables}</div>"
    return f'<div class="cols"><div>{_drawing(explanation)}</div><div>{tables}</div></div>'


def part_name(explanation: ExplanationResult, part: AtomContribution | BondContribution) -> str:
    """``"O 2"``, ``"C 1=O 2"``: elements with their places in the SMILES, from 1; units are numbered where several."""
    has_units = any(atom.unit for atom in explanation.atoms)
    unit = f" of unit {part.unit + 1}" if has_units else ""
    if isinstance(part, AtomContribution):
        return f"{part.element} {part.index + 1}{unit}"
    elements = {(atom.unit, atom.index): atom.element for atom in explanation.atoms}
    mark = {2.0: "=", 3.0: "#", 1.5: ":"}.get(part.order, "-")
    ends = (f"{elements[part.unit, index]} {index + 1}" for index in (part.first_index, part.second_index))
    return f"{mark.join(ends)}{unit}"


def largest_parts(explanation: ExplanationResult) -> list[AtomContribution | BondContribution]:
    """Atoms and bonds that contribute, the largest first."""
    parts: list[AtomContribution | BondContribution] = [*explanation.atoms, *explanation.bonds]
    return sorted((part for part in parts if part.value), key=lambda part: -abs(part.value))[:_SHOWN_PARTS]


def _largest(explanation: ExplanationResult) -> list[tuple[str, Contribution]]:
    return [(part_name(explanation, part), part) for part in largest_parts(explanation)]


def _table(title: str, rows: Sequence[tuple[str, Contribution]], unit: str) -> str:
    if not rows:
        return ""
    return f"<h2>{title}</h2>{bars_of([escape(name) for name, _ in rows], [entry for _, entry in rows], unit)}"


def _drawing(explanation: ExplanationResult) -> str:
    """The server's SVG with its scale; the server is who answers, as for every other value of the page."""
    limit = max((abs(part.value) for part in largest_parts(explanation)), default=0.0)
    ends = ",".join(colour_of(step, 1.0) for step in (-1.0, -0.5, 0.0, 0.5, 1.0))
    return (
        f"{explanation.drawing}"
        f'<div class="scale">{-limit:.3g}<span style="background:linear-gradient(to right,{ends})"></span>{limit:+.3g} '
        f"{escape(explanation.unit)}, atoms and bonds</div>"
    )
