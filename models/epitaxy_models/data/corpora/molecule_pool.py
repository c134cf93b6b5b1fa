"""A pool of molecules by constitution, each with the labels that several sources give it."""

import math
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import pandas as pd
from rdkit import Chem, RDLogger

# H, Li, B, C, N, O, F, Na, Si, P, S, Cl, K, Ge, As, Se, Br, Sn, Te, I.
_ELEMENTS = frozenset({1, 3, 5, 6, 7, 8, 9, 11, 14, 15, 16, 17, 19, 32, 33, 34, 35, 50, 52, 53})
_MAX_CHARACTERS = 250
_MAX_ATOMS = 60


class MoleculePool:
    """Labels by constitution and name; the order of molecules is that in which they came."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, list[float]]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, key: str | None) -> None:
        """Adds a molecule, perhaps without labels; one that cannot be used (None) is left out."""
        if key is not None:
            self._rows.setdefault(key, {})

    def put(self, key: str | None, name: str, value: float | None) -> None:
        """Adds a label of a molecule if both can be used."""
        if key is not None and value is not None and math.isfinite(value):
            self._rows.setdefault(key, {}).setdefault(name, []).append(float(value))

    def drop(self, keys: Iterable[str | None]) -> int:
        """Leaves molecules out; how many were there."""
        return sum(self._rows.pop(key, None) is not None for key in set(keys) if key is not None)

    def table(self) -> pd.DataFrame:
        """Column ``smiles``, and the median of each label, float32, NaN where there is none."""
        names = sorted({name for labels in self._rows.values() for name in labels})
        table = {"smiles": np.array(list(self._rows), dtype=object)}
        for name in names:
            values = [np.median(labels[name]) if name in labels else np.nan for labels in self._rows.values()]
            table[name] = np.array(values, dtype=np.float32)
        return pd.DataFrame(table)


@lru_cache(maxsize=1)
def _silence() -> None:
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]  # made at run time


def constitution_of(smiles: object) -> str | None:
    """Canonical SMILES without stereochemistry and isotopes; None for what the pool does not take.

    It takes single molecules and ions without open shells of up to 60 atoms but hydrogen. Deuterium that is written out
    stays an atom of its own, as it was when version 1 was trained: a handful of rows.
    """
    _silence()
    if not isinstance(smiles, str) or len(smiles) >= _MAX_CHARACTERS:
        return None
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None or not 1 <= molecule.GetNumAtoms() <= _MAX_ATOMS or len(Chem.GetMolFrags(molecule)) > 1:
        return None
    for atom in molecule.GetAtoms():
        if atom.GetAtomicNum() not in _ELEMENTS or atom.GetNumRadicalElectrons():
            return None
        atom.SetIsotope(0)
    return str(Chem.MolToSmiles(molecule, isomericSmiles=False))
