"""What a model means: backends, noise, worlds, recording."""

from causal_lpm.handlers.checkpointing import Checkpointing
from causal_lpm.handlers.comparison import comparing
from causal_lpm.handlers.gradients import MeanField, StraightThrough
from causal_lpm.handlers.noise import KeyedNoise
from causal_lpm.handlers.ode import solve_ode, torchdiffeq_on_torch213
from causal_lpm.handlers.recording import Recording
from causal_lpm.handlers.relaxed import Relaxed
from causal_lpm.handlers.rollouts import Rollout, rollout
from causal_lpm.handlers.score import Score
from causal_lpm.handlers.seeds import Seeds
from causal_lpm.handlers.solver import DiscreteTime
from causal_lpm.handlers.truncated import Truncated
from causal_lpm.handlers.worlds import ProductWorlds, Worlds

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
    "Truncated",
    "Worlds",
    "comparing",
    "rollout",
    "solve_ode",
    "torchdiffeq_on_torch213",
]
