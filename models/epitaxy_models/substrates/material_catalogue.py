"""Substrates of molecules and compositions at hand: those that new work stands on, and earlier ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from epitaxy_models.ensembles.catalogue import StoredSubstrate
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.materials.kind import MaterialKind
from epitaxy_models.substrates.artifact import digest_of_material_artifact
from epitaxy_models.substrates.compositional import CompositionSubstrate
from epitaxy_models.substrates.molecular import MolecularSubstrate
from epitaxy_models.substrates.shipped import pretrained_folder, shipped_substrate

MOLECULE, COMPOSITION = "substrate-molecule", "substrate-composition"
NAMES: Mapping[MaterialKind, str] = {
    MaterialKind.MOLECULE: MOLECULE,
    MaterialKind.POLYMER: MOLECULE,
    MaterialKind.COMPOSITION: COMPOSITION,
}
"""Name of the substrate of each kind that is not a crystal."""
AnyMaterialSubstrate = MolecularSubstrate | CompositionSubstrate
_LOADERS: Mapping[str, Callable[[Path], AnyMaterialSubstrate]] = {
    MOLECULE: MolecularSubstrate.load,
    COMPOSITION: CompositionSubstrate.load,
}


@dataclass(frozen=True)
class MaterialCatalogue:
    """Finds substrates by name, version or digest. Safe for threads; weights are read when they are opened.

    Attributes:
        folders: Folder of the present substrate by name; a name that is left out has the shipped one.
        earlier: Folders of earlier substrates, beside ``<name>-<version>`` among those that are shipped.
    """

    folders: Mapping[str, Path] = field(default_factory=dict)
    earlier: Sequence[Path] = ()

    def __post_init__(self) -> None:
        for name, folder in self.folders.items():
            found = StoredSubstrate.of(folder).name
            if found != name:
                raise ConfigurationError(f"{folder} holds {found}, and not {name}", reason="WRONG_SUBSTRATE")

    def open(self, name: str) -> AnyMaterialSubstrate:
        """The present substrate of that name. Raises CheckpointError."""
        if name in self.folders:
            return _LOADERS[name](self.folders[name])
        substrate = shipped_substrate(next(kind for kind, own in NAMES.items() if own == name))
        assert isinstance(substrate, AnyMaterialSubstrate)
        return substrate

    def open_digest(self, name: str, digest: str) -> AnyMaterialSubstrate | None:
        """The earlier substrate with these weights; None if there is none."""
        folder = next((one for one in self._of_name(name) if _digest_of(one) == digest), None)
        return None if folder is None else _LOADERS[name](folder)

    def digest_of_version(self, name: str, version: str) -> str | None:
        """Digest of the earlier substrate of that version; None if there is none."""
        found = (one for one in self._of_name(name) if StoredSubstrate.of(one).version == version)
        return next((_digest_of(one) for one in found), None)

    def _of_name(self, name: str) -> list[Path]:
        shipped = pretrained_folder(name)
        found = [*self.earlier, *sorted(shipped.parent.glob(f"{name}-*"), reverse=True)]
        # Where a setting names the present one, the shipped one is an earlier one.
        found += [shipped] if name in self.folders else []
        return [folder for folder in found if StoredSubstrate.of(folder).name == name]


def load_kernels(substrate: AnyMaterialSubstrate) -> None:
    """Loads the kernels that answers need, or compiles them, before the first request does."""
    materials: list[Any] = [substrate.intake("C")]  # methane, or carbon
    graphs = [substrate.featurize(material) for material in materials]
    substrate.featurize_all(materials)
    substrate.readings(graphs, substrate.embed(graphs))


@cache
def _digest_of(folder: Path) -> str:
    return digest_of_material_artifact(folder)
