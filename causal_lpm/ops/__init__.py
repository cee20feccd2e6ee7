"""The operations of a population model: what a user writes, and what handlers interpret."""

from causal_lpm.ops.above import above
from causal_lpm.ops.allocate import allocate
from causal_lpm.ops.events import choose, event, hazard_of, observed
from causal_lpm.ops.exogenous import exogenous
from causal_lpm.ops.exposure import exposure
from causal_lpm.ops.look_up import look_up
from causal_lpm.ops.policy import policy
from causal_lpm.ops.population import population
from causal_lpm.ops.tally import tally

__all__ = [
    "above",
    "allocate",
    "choose",
    "event",
    "exogenous",
    "exposure",
    "hazard_of",
    "look_up",
    "observed",
    "policy",
    "population",
    "tally",
]
