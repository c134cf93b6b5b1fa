"""How much machine a screening takes, from costs that were measured and come with the package."""

from epitaxy.capacity.costs import CapacityError, MeasuredCosts, read_costs
from epitaxy.capacity.estimate import Demand, Estimate, estimate

__all__ = ["CapacityError", "Demand", "Estimate", "MeasuredCosts", "estimate", "read_costs"]
