"""The pools of the campaign benchmark: finished data sets with the shipped substrate's features."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from epitaxy_models.campaigns import History, Objective, PoolBlocks
from epitaxy_models.campaigns.finished import heads_of
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from loadtest.transfer_targets import by_hash, kept_inputs

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Goals:
    """What is to be reached, of recall of the best 1 % after so many labels, or of the hypervolume.

    Attributes:
        recall: By number of labels.
        hypervolume: By number of labels.
        peer: Recall of BayBE 0.14's default after 50 labels from a random start, measured once; None: not measured.
    """

    recall: dict[int, float]
    hypervolume: dict[int, float]
    peer: float | None = None


@dataclass(frozen=True, slots=True)
class CampaignPool:
    """One finished data set.

    Attributes:
        name: For reports.
        read: The table of formula, structure and the columns of the objectives, from the data folder.
        objectives: As the command takes them, with their units.
        goals: What is to be reached.
        n_max: Rows, whole formulas by a hash.
    """

    name: str
    read: Callable[[Path], pd.DataFrame]
    objectives: tuple[tuple[str, str], ...]
    goals: Goals
    n_max: int = 5000

    @property
    def targets(self) -> tuple[Objective, ...]:
        """What is looked for."""
        return tuple(Objective.parse(text, unit) for text, unit in self.objectives)

    def history(self, data: Path, work: Path) -> History:
        """Features are computed once and kept in the work folder; one row a material."""
        columns = [entry.name for entry in self.targets]
        table = self.read(data).dropna(subset=columns)
        values = table.groupby("id")[columns].mean()
        table = by_hash(table.drop_duplicates("id")).head(self.n_max)
        blocks = kept_inputs(self.name, table["structure"].tolist(), work).blocks
        blocks = {name: block.astype(np.float32) for name, block in blocks.items()}
        found = {name: values.loc[table["id"], name].to_numpy(dtype=np.float64) for name in columns}
        return History(
            PoolBlocks.of(blocks),
            found,
            self.targets,
            heads=heads_of(self.targets, blocks, load_artifact(shipped_model())),
        )


def _file(name: str) -> Callable[[Path], pd.DataFrame]:
    return lambda data: pd.read_parquet(data / name)


def _with_gaps(data: Path) -> pd.DataFrame:
    table = pd.read_parquet(data / "dielectric_petousis2017.parquet")
    gaps = pd.read_parquet(data / "mp_multifidelity_gap.parquet", columns=["id", "band_gap_gllbsc_eV"])
    return table.merge(gaps.drop_duplicates("id"), on="id")


POOLS = (
    CampaignPool(
        "dielectric",
        _file("dielectric_petousis2017.parquet"),
        (("eps_electronic_poly:max", "1"),),
        Goals({50: 0.65, 100: 0.95}, {}, 0.27),
    ),
    CampaignPool(
        "hse_gap",
        _file("mp_multifidelity_gap.parquet"),
        (("band_gap_hse_eV:match:1.4", "eV"),),
        Goals({50: 0.35, 100: 0.50}, {}, 0.10),
        n_max=1574,
    ),
    CampaignPool(
        "phonon_peak",
        _file("matbench_phonons.parquet"),
        (("last_phdos_peak_cm1:max", "1/cm"),),
        Goals({50: 1.0}, {}),
    ),
    CampaignPool(
        "formation_enthalpy",
        _file("expt_formation_enthalpy.parquet"),
        (("formation_enthalpy_exp_eV_atom:min", "eV/atom"),),
        Goals({50: 1.0}, {}),
    ),
    CampaignPool(
        "gap_and_dielectric",
        _with_gaps,
        (("band_gap_gllbsc_eV:max", "eV"), ("eps_electronic_poly:max", "1")),
        Goals({}, {100: 0.94}),
    ),
)
