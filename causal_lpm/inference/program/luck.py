"""Whether a density depends on the luck of simulated agents, so that it is none that a method could follow."""

from collections.abc import Mapping

import torch

from causal_lpm.inference.program.problem import Problem

__all__ = ["joint_and_luck"]


def joint_and_luck(problem: Problem, z: torch.Tensor, data: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, bool]:
    """Log p(data, z) of each draw, `[n]`, and whether another luck of the agents gives another."""
    joint, other = (problem.log_joint(z, data, seed) for seed in (0, 1))
    return joint, not torch.equal(joint.nan_to_num(), other.nan_to_num())
