"""Requests for explanations and their answers on the wire."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from epitaxy.api.common.v1 import structure_pb2
from epitaxy.api.prediction.v1 import explanation_pb2
from epitaxy.client.defaults import MAX_NEAREST
from epitaxy.client.errors import InvalidRequestError
from epitaxy.client.explanations.parts import AtomContribution, BondContribution, ConditionContribution
from epitaxy.client.explanations.render import Explanation
from epitaxy.client.explanations.results import (
    ElementContribution,
    Faithfulness,
    NearestMaterial,
    ShellContribution,
    SiteContribution,
)
from epitaxy.client.inputs.elements import SYMBOLS
from epitaxy.client.inputs.item import InputItem
from epitaxy.client.models.selector import parse_model
from epitaxy.client.reading import read_item_error
from epitaxy.client.results import ItemError
from epitaxy.client.screening.chunks import Message

# One a message, though eight may go: an explanation takes a second or more, and each is to have the whole deadline.
STRUCTURES_A_MESSAGE = 1
_KINDS = {
    structure_pb2.MATERIAL_KIND_COMPOSITION: "composition",
    structure_pb2.MATERIAL_KIND_MOLECULE: "molecule",
    structure_pb2.MATERIAL_KIND_POLYMER: "polymer",
}


def explain_request(model: str | None, name: str | None, n_nearest: int) -> explanation_pb2.ExplainRequest:
    """The request without its structures. Raises InvalidRequestError."""
    if not 1 <= n_nearest <= MAX_NEAREST:
        raise InvalidRequestError(f"n_nearest is {n_nearest}: give 1 to {MAX_NEAREST}", reason="INVALID_NEAREST")
    return explanation_pb2.ExplainRequest(model=parse_model(model), property=name or "", n_nearest=n_nearest)


def with_structures(asked: explanation_pb2.ExplainRequest, message: Message) -> explanation_pb2.ExplainRequest:
    """The request for these structures."""
    return explanation_pb2.ExplainRequest(
        model=asked.model, property=asked.property, n_nearest=asked.n_nearest, structures=message.structures
    )


def read_explanations(message: Message, response: explanation_pb2.ExplainResponse) -> Iterator[Explanation]:
    """Explanations of one message, in input order."""
    answers = {
        result.id: _read(result, response, item)
        for result in response.results
        if (item := message.item_of(result.id)) is not None
    }
    yield from message.in_order(answers, _refused)


def _refused(item: InputItem, error: ItemError) -> Explanation:
    return Explanation(item.id, item.index, error=error)


def _read(
    result: explanation_pb2.ExplanationResult, response: explanation_pb2.ExplainResponse, item: InputItem
) -> Explanation:
    if result.WhichOneof("outcome") != "explanation":
        return _refused(item, read_item_error(result.error))
    found = result.explanation
    # A message may mix kinds of materials, which several models explain.
    stamp = found.model if found.HasField("model") else response.model
    definition = found.property if found.HasField("property") else response.property
    return Explanation(
        id=item.id,
        index=item.index,
        formula=found.reduced_formula,
        property_name=definition.name,
        unit=definition.unit,
        level_of_theory=definition.level_of_theory,
        value=found.value,
        baseline=found.baseline,
        completeness_error=found.completeness_error,
        sites=_sites(found),
        elements=tuple(
            ElementContribution(SYMBOLS[entry.atomic_number], entry.n_sites, entry.value, entry.std, entry.fraction)
            for entry in found.elements
        ),
        shells=tuple(map(_shell, found.shells)),
        faithfulness=_faithfulness(found.faithfulness),
        nearest=tuple(
            NearestMaterial(entry.id, entry.formula, entry.space_group, entry.distance, dict(entry.labels))
            for entry in found.nearest
        ),
        lattice=_vectors(found.structure.lattices_angstrom),
        model=stamp.name,
        model_version=stamp.version,
        model_digest=stamp.digest,
        kind=_KINDS.get(found.kind, "structure"),
        method=found.method,
        baseline_material=found.baseline_material,
        baseline_description=found.baseline_description,
        sampling_error=found.sampling_error,
        atoms=tuple(
            AtomContribution(SYMBOLS[atom.atomic_number], atom.unit, atom.index, atom.value, atom.std)
            for atom in found.atoms
        ),
        bonds=tuple(
            BondContribution(bond.unit, bond.first_index, bond.second_index, bond.order, bond.value, bond.std)
            for bond in found.bonds
        ),
        conditions=tuple(
            ConditionContribution(entry.name, entry.text, entry.unit, entry.value, entry.std)
            for entry in found.conditions
        ),
        drawing=found.drawing_svg,
    )


def _sites(found: explanation_pb2.Explanation) -> tuple[SiteContribution, ...]:
    positions = _vectors(found.structure.frac_coords)
    return tuple(
        SiteContribution(SYMBOLS[site.atomic_number], site.value, site.std, position)
        for site, position in zip(found.sites, positions, strict=True)
    )


def _shell(shell: explanation_pb2.ShellContribution) -> ShellContribution:
    return ShellContribution(
        first=SYMBOLS[shell.first_atomic_number],
        second=SYMBOLS[shell.second_atomic_number],
        distance_angstrom=shell.distance_angstrom,
        coordination=shell.coordination,
        value=shell.value,
        std=shell.std,
    )


def _faithfulness(verdict: explanation_pb2.Faithfulness) -> Faithfulness:
    return Faithfulness(
        is_faithful=verdict.is_faithful,
        reason=verdict.reason,
        beats_random=verdict.beats_random,
        deletion=verdict.deletion,
        insertion=verdict.insertion,
        random_deletion=verdict.random_deletion,
        random_insertion=verdict.random_insertion,
        n_parts=verdict.n_parts,
        n_random_orders=verdict.n_random_orders,
    )


def _vectors(content: bytes) -> tuple[Any, ...]:
    return tuple(map(tuple, np.frombuffer(content, dtype="<f8").reshape(-1, 3).tolist()))
