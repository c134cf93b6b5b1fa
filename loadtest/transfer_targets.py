"""The targets of the transfer benchmark: labels, features kept in a work folder, overlap with the source."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from epitaxy_models.ensembles.artifact import ModelArtifact, load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.source_index.storage import FILE_NAME, load_source_index
from epitaxy_models.structures import structure_from_column
from epitaxy_models.training.split import part_of
from epitaxy_models.transfer.descriptors import DESCRIPTOR_VERSION
from epitaxy_models.transfer.features import SubstrateFeatures
from epitaxy_models.transfer.inputs import ESTIMATES, PEER_PREFIX, TransferInputs
from epitaxy_models.transfer.labels.target import TransformKind
from epitaxy_models.transfer.peers import peer_blocks
from epitaxy_models.transfer.quantities import kin_columns
from epitaxy_models.transfer.strategies.laws import LawColumn

_SOURCE = "mp_general.parquet"


@dataclass(frozen=True, slots=True)
class Target:
    """One column of one file."""

    name: str
    file: str
    column: str
    unit: str
    transform: str = "none"
    is_log10: bool = False


TARGETS = (
    Target("expt_formation_enthalpy", "expt_formation_enthalpy.parquet", "formation_enthalpy_exp_eV_atom", "eV/atom"),
    Target("expt_gap", "mp_multifidelity_gap.parquet", "band_gap_exp_eV", "eV"),
    Target("hse_gap", "mp_multifidelity_gap.parquet", "band_gap_hse_eV", "eV"),
    Target("phonon_peak", "matbench_phonons.parquet", "last_phdos_peak_cm1", "1/cm", "log10"),
    Target("log10_dielectric", "dielectric_petousis2017.parquet", "eps_electronic_poly", "log10", is_log10=True),
    Target("exfoliation_energy", "jarvis_2d.parquet", "exfoliation_energy_meV_atom", "meV/atom", "auto"),
    Target("perovskite_heat", "perov5_castelli.parquet", "heat_all_eV_cell", "eV/cell"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """All rows of a target that draws are taken from."""

    target: Target
    inputs: TransferInputs
    labels: NDArray[np.float64]
    overlap: float
    is_seen: NDArray[np.bool_]

    def kin(self, artifact: ModelArtifact) -> tuple[LawColumn, ...]:
        """Columns that state the target's own quantity, as a job would find them."""
        scale = TransformKind(self.target.transform) if not self.target.is_log10 else TransformKind.NONE
        n_fidelities = len(artifact.fidelity_heads.heads) if artifact.fidelity_heads else 0
        return kin_columns(artifact.card.heads, n_fidelities, self.target.column, self.target.unit, scale)


def read_pool(target: Target, data: Path, work: Path, n_max: int, peers: Sequence[str] = ()) -> Pool:
    """At most ``n_max`` rows, whole formulas chosen by a hash; features are computed once and kept.

    A row that a peer cannot read raises what the peer raises.
    """
    table = pd.read_parquet(data / target.file, columns=["formula", "structure", target.column])
    table = by_hash(table.dropna(subset=[target.column])).head(n_max)
    labels = table[target.column].to_numpy(dtype=np.float64)
    texts = table["structure"].tolist()
    overlap = source_overlap(table["formula"].tolist(), data / _SOURCE)
    inputs = _with_peers(kept_inputs(target.name, texts, work), target, peers, work)
    is_seen = seen_formulas(inputs)
    return Pool(target, inputs, np.log10(labels) if target.is_log10 else labels, overlap, is_seen)


def by_hash(table: pd.DataFrame) -> pd.DataFrame:
    """Rows in an order that a hash of their formula decides, so that the first of them are whole formulas."""
    order = {name: blake2b(name.encode(), digest_size=8).digest() for name in table["formula"].unique()}
    return table.assign(key=table["formula"].map(order)).sort_values("key", kind="stable").drop(columns="key")


def source_overlap(formulas: Sequence[str], source: Path) -> float:
    """Share of a target's formulas that the substrate was trained on, with labels of another kind."""
    if not source.exists():
        return float("nan")
    known = set(pd.read_parquet(source, columns=["formula"])["formula"])
    names = set(formulas)
    return sum(name in known and part_of(name) == "train" for name in names) / len(names)


def seen_formulas(inputs: TransferInputs) -> NDArray[np.bool_]:
    """Whether the shipped substrate was trained on each formula, by its source index, ``[n_rows]``."""
    folder = shipped_model()
    source = load_source_index(folder / FILE_NAME, load_artifact(folder).weights_digest)
    return np.array([formula in source.materials.known_formulas for formula in inputs.formulas], dtype=np.bool_)


def _with_peers(inputs: TransferInputs, target: Target, peers: Sequence[str], work: Path) -> TransferInputs:
    blocks = dict(inputs.blocks)
    for peer in peers:
        rows = np.concatenate([s.lattice.ravel() for s in inputs.structures])
        kept = work / "features" / f"{target.name}-{peer}-{blake2b(rows.tobytes(), digest_size=12).hexdigest()}.npy"
        if not kept.exists():
            print(f"{target.name}: {peer}'s features of {inputs.n_rows} structures", flush=True)
            [found] = peer_blocks([peer], inputs.structures).values()
            np.save(kept, found)
        blocks[f"{PEER_PREFIX}{peer}"] = np.load(kept)
    return TransferInputs(inputs.structures, inputs.graphs, blocks)


def kept_inputs(name: str, texts: Sequence[str], work: Path) -> TransferInputs:
    """Features of structures under the shipped substrate, from the work folder if they were computed before."""
    artifact = load_artifact(shipped_model())
    structures = tuple(structure_from_column(text) for text in texts)
    heads = artifact.fidelity_heads
    parts = [artifact.weights_digest, DESCRIPTOR_VERSION, ESTIMATES, *([heads.digest] if heads else []), *texts]
    content = blake2b("\n".join(parts).encode(), digest_size=12).hexdigest()
    kept = work / "features" / f"{name}-{content}.npz"
    if kept.exists():
        with np.load(kept, allow_pickle=False) as blocks:
            graphs = tuple(build_graph(structure, artifact.card.rule) for structure in structures)
            return TransferInputs(structures, graphs, dict(blocks))
    print(f"{name}: features of {len(texts)} structures", flush=True)
    inputs = SubstrateFeatures(artifact).inputs_of(structures, Embedder(artifact))
    kept.parent.mkdir(parents=True, exist_ok=True)
    part = kept.with_suffix(".part.npz")
    np.savez(part, **dict(inputs.blocks))  # type: ignore[arg-type]  # blocks by name, none of them allow_pickle
    part.replace(kept)
    return inputs
