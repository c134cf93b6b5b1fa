"""The time and the cores that a screening needs, from measured costs that are part of the package."""

from epitaxy.capacity.costs import CapacityError, MeasuredCosts, read_costs
from epitaxy.capacity.estimate import Demand, Estimate, estimate

__all__ = ["CapacityError", "Demand", "Estimate", "MeasuredCosts", "estimate", "read_costs"]
