"""Contract kits that ship with the package: what any backbone, head, calibrator or strategy must satisfy.

Each kit is a class of tests to inherit from. ``strategy_contract`` and ``calibrator_contract`` are imported from their
modules, as they load scipy and the strategies.
"""

from epitaxy_models.testing.backbone_contract import BackboneContract, ContractTolerances
from epitaxy_models.testing.golden import GoldenRecord
from epitaxy_models.testing.head_contract import HeadContract

__all__ = ["BackboneContract", "ContractTolerances", "GoldenRecord", "HeadContract"]
