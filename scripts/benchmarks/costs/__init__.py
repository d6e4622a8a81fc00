"""What a million requests of each route cost, computed from a synthesized template and AWS's prices."""

from scripts.benchmarks.costs.assumptions import Assumptions
from scripts.benchmarks.costs.lines import Line
from scripts.benchmarks.costs.prices import PRICES, Price, UnknownPriceError
from scripts.benchmarks.costs.routes import RouteCost, costs_of

__all__ = ["PRICES", "Assumptions", "Line", "Price", "RouteCost", "UnknownPriceError", "costs_of"]
