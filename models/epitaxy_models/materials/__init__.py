"""Materials of any kind: ``kind`` names them, ``reading`` reads them, which needs RDKit."""

from epitaxy_models.materials.kind import MaterialKind

__all__ = ["MaterialKind"]
