"""The source index: what a model was pretrained on, as small vectors that can be searched."""

from epitaxy_models.source_index.build import build_source_index
from epitaxy_models.source_index.faiss_index import FaissIndex
from epitaxy_models.source_index.index import SourceIndex, SourceLabels
from epitaxy_models.source_index.materials import SourceMaterial, SourceMaterials, described_materials, prototype_of
from epitaxy_models.source_index.storage import load_source_index, save_source_index, shipped_source_index
from epitaxy_models.source_index.vector_index import Neighbours, VectorIndex

__all__ = [
    "FaissIndex",
    "Neighbours",
    "SourceIndex",
    "SourceLabels",
    "SourceMaterial",
    "SourceMaterials",
    "VectorIndex",
    "build_source_index",
    "described_materials",
    "load_source_index",
    "prototype_of",
    "save_source_index",
    "shipped_source_index",
]
