"""What the shipped substrate was trained on, as known materials."""

from epitaxy_models.candidates.novelty import KnownMaterials
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.source_index import shipped_source_index


def shipped_materials() -> KnownMaterials:
    """The source corpus of the substrate that comes with the package. Raises CheckpointError."""
    artifact = load_artifact(shipped_model())
    return KnownMaterials(shipped_source_index(artifact.weights_digest).materials, artifact.card.crystal_rule)
