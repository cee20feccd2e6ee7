"""Large population models in Pyro: causal, calibrated, private."""

from causal_lpm.handlers import (
    DiscreteTime,
    KeyedNoise,
    ProductWorlds,
    Recording,
    Rollout,
    Seeds,
    Worlds,
    comparing,
    rollout,
    solve_ode,
)
from causal_lpm.ops import allocate, choose, event, exogenous, exposure, hazard_of, observed, policy, tally

__version__ = "0.1.0.dev0"

__all__ = [
    "DiscreteTime",
    "KeyedNoise",
    "ProductWorlds",
    "Recording",
    "Rollout",
    "Seeds",
    "Worlds",
    "allocate",
    "choose",
    "comparing",
    "event",
    "exogenous",
    "exposure",
    "hazard_of",
    "observed",
    "policy",
    "rollout",
    "solve_ode",
    "tally",
]
