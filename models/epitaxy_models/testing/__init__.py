"""Contract tests that ship with the package: what any backbone must satisfy, and the crystals to try it on."""

from epitaxy_models.testing.backbone_contract import BackboneContract, ContractTolerances
from epitaxy_models.testing.golden import GoldenRecord

__all__ = ["BackboneContract", "ContractTolerances", "GoldenRecord"]
