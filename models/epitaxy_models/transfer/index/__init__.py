"""The source index: what a model was pretrained on, as small vectors that can be searched."""

from epitaxy_models.transfer.index.build import build_source_index
from epitaxy_models.transfer.index.faiss_index import FaissIndex
from epitaxy_models.transfer.index.materials import SourceMaterial, SourceMaterials, described_materials, prototype_of
from epitaxy_models.transfer.index.source_index import SourceIndex, SourceLabels
from epitaxy_models.transfer.index.storage import load_source_index, save_source_index, shipped_source_index
from epitaxy_models.transfer.index.vector_index import Neighbours, VectorIndex

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
