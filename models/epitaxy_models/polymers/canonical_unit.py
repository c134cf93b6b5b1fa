"""From any cut of a periodic chain to its shortest unit, cut where the order of its segments is the least.

A chain can be cut at every single bond on the way between its ends that is in no ring. Between such bonds lie segments,
so that a chain is a word over segments that repeats. The word's smallest period is the shortest unit, and of all its
rotations in both directions the least one is the canonical cut. Segments are compared by canonical SMILES in which the
end to the left is ``[1*]`` and the one to the right ``[2*]``.
"""

from dataclasses import dataclass, field
from functools import lru_cache, reduce
from itertools import pairwise
from typing import TypeVar

from rdkit import Chem

from epitaxy_models.molecules.canonical import canonical, in_order_of_key
from epitaxy_models.polymers.repeat_unit import RepeatUnit, open_ends

_T = TypeVar("_T")
_LEFT, _RIGHT = 1, 2


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the chain between two cuts: its SMILES read forwards and backwards, and its atoms."""

    forward: str
    backward: str
    graph: Chem.Mol


def canonical_unit(graph: Chem.Mol) -> tuple[RepeatUnit, int]:
    """The shortest unit of a sanitized unit with two ends of equal bonds, and how often it is in the one given."""
    first, second = (end.GetIdx() for end in open_ends(graph))
    graph = _with_single_ends(graph, first, second)
    segments = _segments(graph)
    period = _period([segment.forward for segment in segments])
    unit = _joined(_least_rotation(segments[:period]))
    key = canonical(unit)
    return RepeatUnit(key, in_order_of_key(unit)), len(segments) // period


def without_stereo(unit: RepeatUnit) -> RepeatUnit:
    """The unit of the same constitution without stereochemistry, which may be shorter."""
    if not any(mark in unit.key for mark in "@/\\"):
        return unit
    graph = Chem.Mol(unit.graph)
    Chem.RemoveStereochemistry(graph)
    return canonical_unit(graph)[0]


def _with_single_ends(graph: Chem.Mol, first: int, second: int) -> Chem.Mol:
    """The unit with its ends numbered 1 and 2, cut at a single bond if the chain has one."""
    graph = Chem.Mol(graph)
    graph.GetAtomWithIdx(first).SetIsotope(_LEFT)
    graph.GetAtomWithIdx(second).SetIsotope(_RIGHT)
    single = [cut for cut in _bridges(graph) if _is_single(graph, cut)]
    if graph.GetAtomWithIdx(first).GetBonds()[0].GetBondType() == Chem.BondType.SINGLE or not single:
        return graph
    # "*=CC=*" is "*C=C*".
    front, back = _fragments(graph, single[:1])
    return _zip([back, front])


def _is_single(graph: Chem.Mol, cut: tuple[int, int]) -> bool:
    return bool(graph.GetBondBetweenAtoms(*cut).GetBondType() == Chem.BondType.SINGLE)


def _bridges(graph: Chem.Mol) -> list[tuple[int, int]]:
    """Bonds between the ends that are in no ring, from left to right."""
    ends = {end.GetIsotope(): end.GetIdx() for end in open_ends(graph)}
    path = Chem.GetShortestPath(graph, ends[_LEFT], ends[_RIGHT])[1:-1]
    return [pair for pair in pairwise(path) if not graph.GetBondBetweenAtoms(*pair).IsInRing()]


def _cuts(graph: Chem.Mol) -> list[tuple[int, int]]:
    """Where the chain is cut besides its ends: at bonds of the ends' own order, single ones wherever there are any."""
    order = open_ends(graph)[0].GetBonds()[0].GetBondType()
    return [pair for pair in _bridges(graph) if graph.GetBondBetweenAtoms(*pair).GetBondType() == order]


def _segments(graph: Chem.Mol) -> list[Segment]:
    parts = _fragments(graph, _cuts(graph))
    read = [_Readable(str(Chem.MolToSmiles(part)), part) for part in parts]
    return [Segment(one.forward, _read_backward(one), one.graph) for one in read]


@dataclass(frozen=True, slots=True)
class _Readable:
    forward: str
    graph: Chem.Mol = field(compare=False)


# A few thousand segments make up nearly all polymers.
@lru_cache(maxsize=8192)
def _read_backward(segment: _Readable) -> str:
    return str(Chem.MolToSmiles(_turned(segment.graph)))


def _fragments(graph: Chem.Mol, cuts: list[tuple[int, int]]) -> list[Chem.Mol]:
    """The parts between the cuts, from left to right, each with ends 1 and 2."""
    if not cuts:
        return [graph]
    bonds = [graph.GetBondBetweenAtoms(*cut) for cut in cuts]
    # The first label is that of the end at the bond's last atom.
    labels = [
        (_LEFT, _RIGHT) if bond.GetBeginAtomIdx() == cut[0] else (_RIGHT, _LEFT)
        for bond, cut in zip(bonds, cuts, strict=True)
    ]
    parted = Chem.FragmentOnBonds(graph, [bond.GetIdx() for bond in bonds], dummyLabels=labels)
    places: list[tuple[int, ...]] = []
    parts = Chem.GetMolFrags(parted, asMols=True, sanitizeFrags=False, fragsMolAtomMapping=places)
    starts = [cuts[0][0], *(cut[1] for cut in cuts)]
    return [next(part for part, atoms in zip(parts, places, strict=True) if start in atoms) for start in starts]


def _turned(segment: Chem.Mol) -> Chem.Mol:
    """The segment read from right to left."""
    turned = Chem.Mol(segment)
    for end in open_ends(turned):
        end.SetIsotope(_LEFT + _RIGHT - end.GetIsotope())
    return turned


def _period(word: list[str]) -> int:
    """Length of the shortest word that, repeated, is this one."""
    n = len(word)
    return next(p for p in range(1, n + 1) if n % p == 0 and word[p:] == word[: n - p])


def _least_rotation(segments: list[Segment]) -> list[Chem.Mol]:
    n = len(segments)
    forward = [segment.forward for segment in segments]
    backward = [segment.backward for segment in reversed(segments)]
    at, is_forward = min(
        ((place, way) for way in (True, False) for place in range(n)),
        key=lambda choice: _rotated(forward if choice[1] else backward, choice[0]),
    )
    parts = [segment.graph for segment in segments] if is_forward else [_turned(s.graph) for s in reversed(segments)]
    return _rotated(parts, at)


def _rotated(items: list[_T], at: int) -> list[_T]:
    return items[at:] + items[:at]


def _joined(parts: list[Chem.Mol]) -> Chem.Mol:
    """The unit of the parts from left to right, its two ends alike."""
    unit = Chem.Mol(_zip(parts) if len(parts) > 1 else parts[0])
    for end in open_ends(unit):
        end.SetIsotope(0)
    Chem.SanitizeMol(unit)
    Chem.AssignStereochemistry(unit, cleanIt=True, force=True)
    return unit


def _zip(parts: list[Chem.Mol]) -> Chem.Mol:
    """The parts from left to right, joined; ends 1 and 2 remain at the outside."""
    labelled = []
    for place, part in enumerate(parts):
        copy = Chem.Mol(part)
        for end in open_ends(copy):
            joint = place if end.GetIsotope() == _LEFT else place + 1
            end.SetAtomMapNum(joint if 0 < joint < len(parts) else 0)
        labelled.append(copy)
    return Chem.molzip(reduce(Chem.CombineMols, labelled))
