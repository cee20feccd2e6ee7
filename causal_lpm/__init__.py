"""Large population models in Pyro: causal, calibrated, private."""

from causal_lpm.handlers import (
    Checkpointing,
    DiscreteTime,
    KeyedNoise,
    MeanField,
    ProductWorlds,
    Recording,
    Relaxed,
    Rollout,
    Score,
    Seeds,
    StraightThrough,
    Worlds,
    comparing,
    rollout,
    solve_ode,
)
from causal_lpm.memory import reuse_freed_memory
from causal_lpm.ops import allocate, choose, event, exogenous, exposure, hazard_of, look_up, observed, policy, tally

__version__ = "0.1.0.dev0"

__all__ = [
    "Checkpointing",
    "DiscreteTime",
    "KeyedNoise",
    "MeanField",
    "ProductWorlds",
    "Recording",
    "Relaxed",
    "Rollout",
    "Score",
    "Seeds",
    "StraightThrough",
    "Worlds",
    "allocate",
    "choose",
    "comparing",
    "event",
    "exogenous",
    "exposure",
    "hazard_of",
    "look_up",
    "observed",
    "policy",
    "reuse_freed_memory",
    "rollout",
    "solve_ode",
    "tally",
]
