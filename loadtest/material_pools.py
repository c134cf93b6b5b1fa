"""The shared sets of molecules, polymers and compositions as pools to draw labels from."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from epitaxy_models.compositions import read_composition
from epitaxy_models.errors import InvalidMaterialError
from epitaxy_models.materials.kind import MaterialKind
from epitaxy_models.molecules import read_molecule
from epitaxy_models.polymers import read_polymer
from epitaxy_models.substrates.shipped import shipped_compositional, shipped_molecular, shipped_pair_cells
from epitaxy_models.transfer.conditions.blocks import CONDITION_PREFIX, condition_blocks
from epitaxy_models.transfer.conditions.condition import Condition
from epitaxy_models.transfer.descriptors.material_blocks import CompositionBlocks, MolecularBlocks

_LOG = logging.getLogger(__name__)
_N_TEST = 400
_TEST_SHARE = 1 / 3
Array = NDArray[np.float64]
Rows64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Target:
    """One column of one shared file.

    Attributes:
        file: Its name.
        column: Of the labels.
        text: Of the materials.
        kind: Of the materials.
        unit: Of the labels.
        conditions: Columns that are conditions, with their units.
        publication: Column that tells where a label was published; empty if none does.
        is_one: Which values of the column are ones, of classes; None: the labels are numbers.
        once: Whether only the first row of each text counts.
    """

    file: str
    column: str
    text: str
    kind: MaterialKind
    unit: str
    conditions: Mapping[str, str] = field(default_factory=dict)
    publication: str = ""
    is_one: Callable[[Any], bool] | None = None
    once: bool = False


_POLYMER, _MOLECULE, _COMPOSITION = MaterialKind.POLYMER, MaterialKind.MOLECULE, MaterialKind.COMPOSITION
_ALLOY = {"test_temperature_C": "degC", "processing": "", "test_type": ""}
_CHAINS = "poly_pi1070_radonpy"
TARGETS = {
    "polymer_tg": Target("poly_tg_exp", "tg_K", "smiles", _POLYMER, "K"),
    "polymer_heat_capacity": Target(_CHAINS, "cp_J_kgK", "smiles", _POLYMER, "J/kgK"),
    "polymer_refractive_index": Target(_CHAINS, "refractive_index", "smiles", _POLYMER, "1"),
    "polymer_conductivity": Target(_CHAINS, "thermal_conductivity_W_mK", "smiles", _POLYMER, "W/mK"),
    "solubility": Target("mol_esol", "log_solubility_mol_L", "smiles", _MOLECULE, "log10(mol/L)"),
    "steels": Target("alloys_steels", "yield_strength_MPa", "composition", _COMPOSITION, "MPa"),
    "alloys": Target("alloys_mpea", "yield_strength_MPa", "composition", _COMPOSITION, "MPa", _ALLOY, "doi"),
    "gap_by_formula": Target("comp_expt_gap", "band_gap_exp_eV", "composition", _COMPOSITION, "eV"),
    "metal_by_formula": Target(
        "comp_expt_gap", "band_gap_exp_eV", "composition", _COMPOSITION, "1", is_one=lambda gap: gap == 0
    ),
    "single_phase": Target(
        "alloys_mpea", "phase", "composition", _COMPOSITION, "1", is_one=lambda phase: phase != "other", once=True
    ),
    "bcc": Target(
        "alloys_mpea", "phase", "composition", _COMPOSITION, "1", is_one=lambda phase: phase == "BCC", once=True
    ),
    "stiff": Target(
        "comp_log_kvrh", "log10_k_vrh_GPa", "composition", _COMPOSITION, "1", is_one=lambda log: log > np.log10(120)
    ),
    "glassy_at_150C": Target("poly_tg_exp", "tg_K", "smiles", _POLYMER, "1", is_one=lambda tg: tg > 423.15),
}
# Of larger sets of classes a sample: a network embeds every row.
_N_OF_CLASSES = 1500
_READERS: dict[MaterialKind, Callable[[str], Any]] = {
    _POLYMER: lambda text: read_polymer(text).polymer,
    _MOLECULE: lambda text: read_molecule(text).molecule,
    _COMPOSITION: lambda text: read_composition(text).composition,
}


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What strategies read of materials without a crystal, as they read ``TransferInputs``.

    Attributes:
        blocks: Features by the name of their block, ``[n_rows, width]``.
        formulas: The group that no split of a job tears.
        publications: Where each label was published; empty if that is not told.
        conditions: Raw values by name.
        sides: All labels are values.
        materials: As read, in the order of the rows.
    """

    blocks: dict[str, Array]
    formulas: tuple[str, ...]
    publications: tuple[str, ...] = ()
    conditions: dict[str, NDArray[Any]] = field(default_factory=dict)
    sides: None = None
    materials: tuple[Any, ...] = ()

    @property
    def n_rows(self) -> int:
        """Number of materials."""
        return len(self.formulas)

    @property
    def condition_blocks(self) -> tuple[str, ...]:
        """Names of the blocks of conditions, sorted."""
        return tuple(sorted(name for name in self.blocks if name.startswith(CONDITION_PREFIX)))

    def take(self, rows: NDArray[np.int64]) -> "Rows":
        """The chosen rows, in that order."""
        blocks = {name: block[rows] for name, block in self.blocks.items()}
        raw = {name: values[rows] for name, values in self.conditions.items()}
        formulas, publications = (tuple(names[row] for row in rows) if names else () for names in self._names)
        materials = tuple(self.materials[row] for row in rows) if self.materials else ()
        return Rows(blocks, formulas, publications, raw, None, materials)

    def only(self, *names: str) -> "Rows":
        """Some blocks beside the conditions."""
        kept = {n: b for n, b in self.blocks.items() if n in names or n.startswith(CONDITION_PREFIX)}
        return Rows(kept, *self._names, self.conditions)

    @property
    def _names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return self.formulas, self.publications


def read_rows(target: Target, data: Path) -> tuple[Rows, Array]:
    """Blocks and labels of a target; what intake or substrate refuses is left out and counted in the log."""
    table = pd.read_parquet(data / f"{target.file}.parquet")
    table = table[table[target.column].notna()].reset_index(drop=True)
    if target.is_one is not None:
        table = table.drop_duplicates(target.text) if target.once else table
        table = table.sample(min(len(table), _N_OF_CLASSES), random_state=1).reset_index(drop=True)
        table[target.column] = table[target.column].map(target.is_one).astype(float)
    blocks_of = _blocks_of(target.kind)
    materials, kept = [], []
    for row, text in enumerate(table[target.text]):
        try:
            material = _READERS[target.kind](text)
            blocks_of.substrate.featurize(material)
        except InvalidMaterialError as error:
            _LOG.info("%s, row %d: %s", target.file, row, error.message)
            continue
        materials.append(material)
        kept.append(row)
    table = table.iloc[kept]
    conditions, raw = _conditions(table, target)
    blocks = blocks_of(materials) | condition_blocks(conditions, raw, len(kept))
    formulas = tuple(material.constitution for material in materials)
    publications = tuple(table[target.publication].astype(str)) if target.publication else ()
    rows = Rows(blocks, formulas, publications, raw, None, tuple(materials))
    return rows, table[target.column].to_numpy(dtype=np.float64)


def _blocks_of(kind: MaterialKind) -> MolecularBlocks | CompositionBlocks:
    if kind is MaterialKind.COMPOSITION:
        return CompositionBlocks(shipped_compositional(), shipped_pair_cells())
    return MolecularBlocks(shipped_molecular())


def _conditions(table: pd.DataFrame, target: Target) -> tuple[list[Condition], dict[str, NDArray[Any]]]:
    raw: dict[str, NDArray[Any]] = {}
    for name in target.conditions:
        values = table[name]
        if pd.api.types.is_numeric_dtype(values):
            raw[name] = values.to_numpy(dtype=np.float64)
        else:
            raw[name] = np.array([value if isinstance(value, str) else None for value in values], dtype=object)
    return [Condition.learned(name, values, target.conditions[name]) for name, values in raw.items()], raw


def draws(keys: Sequence[str], number: int, sizes: Sequence[int]) -> Iterator[tuple[int, Rows64, Rows64]]:
    """Size, training rows and test rows; no key is on both sides."""
    generator = np.random.default_rng([29, number])
    own = np.array(keys)
    distinct = generator.permutation(np.unique(own))
    is_test = np.isin(own, distinct[: round(len(distinct) * _TEST_SHARE)])
    test = generator.permutation(np.flatnonzero(is_test))[:_N_TEST]
    rest = generator.permutation(np.flatnonzero(~is_test))
    for size in sizes:
        if size <= len(rest):
            yield size, rest[:size], test
