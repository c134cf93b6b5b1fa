"""The substrates that come with the package, one a kind of material."""

from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from epitaxy_models.ensembles.artifact import shipped_model
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.substrates.anchors import NamedAnchors
from epitaxy_models.substrates.compositional import CompositionSubstrate
from epitaxy_models.substrates.crystal import CrystalSubstrate
from epitaxy_models.substrates.molecular import MolecularSubstrate
from epitaxy_models.substrates.pair_cells import PAIR_FILE, PairCells


def pretrained_folder(name: str) -> Path:
    """Folder of a substrate that comes with the package."""
    return Path(str(files("epitaxy_models") / "pretrained" / name))


@lru_cache(maxsize=1)
def shipped_molecular() -> MolecularSubstrate:
    """The substrate of molecules and polymers."""
    return MolecularSubstrate.load(pretrained_folder("substrate-molecule"))


@lru_cache(maxsize=1)
def shipped_compositional() -> CompositionSubstrate:
    """The substrate of compositions."""
    return CompositionSubstrate.load(pretrained_folder("substrate-composition"))


@lru_cache(maxsize=1)
def shipped_crystal() -> CrystalSubstrate:
    """The substrate of crystals."""
    return CrystalSubstrate.load(shipped_model())


@lru_cache(maxsize=1)
def shipped_pair_cells() -> PairCells:
    """What the crystal substrate says of pairs of elements, for compositions."""
    return PairCells.load(pretrained_folder("substrate-composition") / PAIR_FILE)


@lru_cache(maxsize=2)
def shipped_anchors(name: str) -> NamedAnchors:
    """Pretraining materials of the substrate of molecules, or of that of compositions, by its name."""
    for load in (shipped_molecular, shipped_compositional):
        substrate = load()
        if substrate.card.name == name:
            return NamedAnchors.load(pretrained_folder(name), substrate.latent)
    raise ConfigurationError(f"no substrate of materials is called {name!r:.40}", reason="UNKNOWN_KIND")


def shipped_substrate(kind: str) -> CrystalSubstrate | MolecularSubstrate | CompositionSubstrate:
    """The substrate of a kind of material, loaded once a process. Raises ConfigurationError (UNKNOWN_KIND)."""
    for kinds, load in (
        (CrystalSubstrate.kinds, shipped_crystal),
        (MolecularSubstrate.kinds, shipped_molecular),
        (CompositionSubstrate.kinds, shipped_compositional),
    ):
        if kind in kinds:
            return load()
    raise ConfigurationError(f"no substrate is for materials of kind {kind!r:.40}", reason="UNKNOWN_KIND")
