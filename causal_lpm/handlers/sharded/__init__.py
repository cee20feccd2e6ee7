"""One population over several processes: each holds a contiguous part of the agents."""

from causal_lpm.handlers.sharded.sharded import Sharded

__all__ = ["Sharded"]
