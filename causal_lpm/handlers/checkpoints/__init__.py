"""Checkpoints of long simulations: the handler, its files, and which agents a process writes."""

from causal_lpm.handlers.checkpoints.checkpoints import Checkpoints

__all__ = ["Checkpoints"]
