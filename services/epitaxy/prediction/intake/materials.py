"""From a line of text to a material without a crystal, or to its refusal."""

from epitaxy.prediction.cache.lru import LruCache
from epitaxy.prediction.domain import MaterialSource, ReadMaterial, Refusal
from epitaxy_models.errors import InvalidMaterialError
from epitaxy_models.materials.reading import Material, read_material
from epitaxy_models.molecules import Molecule
from epitaxy_models.polymers import Polymer
from epitaxy_models.transfer.kinds.sample import Sample

NO_SUBSTRATE = "NO_SUBSTRATE_FOR_KIND"

# Reading a SMILES costs as much as a warm answer.
_CACHE_BYTES = 8 * 2**20
_OVERHEAD_BYTES = 400
# What RDKit keeps of an atom with its bonds.
_ATOM_BYTES = 200


class MaterialReader:
    """Reads, checks and names materials; texts that were read a moment ago are not read again.

    Not safe for threads: one worker owns it.
    """

    def __init__(self) -> None:
        self._read: LruCache[ReadMaterial | Refusal] = LruCache(_CACHE_BYTES, _size)

    def read(self, source: MaterialSource) -> ReadMaterial | Refusal:
        """The material, or why it cannot be used. Raises only what is a fault of ours."""
        name = f"{source.kind.value}\n{source.text}".encode(errors="surrogatepass")
        outcome = self._read.get(name)
        if outcome is None:
            outcome = _read(source)
            self._read.put(name, outcome)
        return outcome


def without_substrate(read: ReadMaterial) -> Refusal:
    """The refusal of a material that is fine, by a model that answers another kind."""
    return Refusal(
        NO_SUBSTRATE,
        f"the model answers crystal structures and has no substrate for the {read.kind.value} {read.formula[:80]!r}: "
        "ask a model that was fitted on that kind",
    )


def _read(source: MaterialSource) -> ReadMaterial | Refusal:
    try:
        intake = read_material(source.kind, source.text)
    except InvalidMaterialError as error:
        return Refusal(error.reason, error.message)
    material = intake.material
    n_atoms = _n_atoms(material)
    digest = f"{source.kind.value} ".encode() + material.digest()
    sample = Sample(source.kind, material)
    return ReadMaterial(
        source.kind, material.key, material.formula, digest, sample, n_atoms, intake.repairs, intake.notes
    )


def _n_atoms(material: Material) -> int:
    if isinstance(material, Molecule):
        return material.n_atoms
    return sum(unit.n_atoms for unit in material.units) if isinstance(material, Polymer) else 0


def _size(outcome: ReadMaterial | Refusal) -> int:
    if isinstance(outcome, Refusal):
        return _OVERHEAD_BYTES + len(outcome.message)
    return _OVERHEAD_BYTES + 2 * len(outcome.key) + _ATOM_BYTES * outcome.n_atoms
