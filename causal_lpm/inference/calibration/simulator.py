"""A problem as a simulator of sets: its prior or proposal draws, its exact model simulates."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from causal_lpm.inference.posteriors.focus import FocusedPrior
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.runs.blocks import run_block
from causal_lpm.inference.runs.seeds import replicate_seed

__all__ = ["GivenParameters", "ProblemSimulator", "batch_size"]

AT_ONCE = 250_000  # agents x draws
MOST = 100  # draws

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class _ExactModel:
    """Simulates the exact model of a problem."""

    problem: Problem

    def simulate(self, z: Array, seeds: npt.NDArray[np.int64]) -> Mapping[str, Array]:
        """Data site -> `[n, *shape]`."""
        return self.problem.simulate(torch.as_tensor(z, dtype=torch.float32), torch.as_tensor(seeds)).data


@dataclass(frozen=True)
class ProblemSimulator(_ExactModel):
    """Draws of a proposal (the prior, or the prior focused on a posterior) and data sets of the exact model."""

    proposal: FocusedPrior

    def identity(self) -> Mapping[str, Any]:
        """The problem's sites, the focus, and a fingerprint of two simulations, which may fail as any other."""
        block = run_block(ProblemSimulator(self.problem, FocusedPrior(self.problem)), seed=1, batch=2, number=0)
        digest = hashlib.sha256(block.z.tobytes() + repr(block.messages).encode())
        for name, values in sorted(block.data.items()):
            digest.update(name.encode() + np.ascontiguousarray(values).tobytes())
        return {
            "parameters": list(self.problem.names),
            "data": {name: list(series.values.shape) for name, series in self.problem.data.items()},
            "fingerprint": digest.hexdigest()[:16],
            **self.proposal.identity(),
        }

    def draw(self, n: int, seed: int) -> npt.NDArray[np.float64]:
        """Draws of z, `[n, size]`."""
        return self.proposal.draw(n, seed)


@dataclass(frozen=True)
class GivenParameters(_ExactModel):
    """Data sets of the exact model for given parameters z `[n, size]`, such as draws of a posterior.

    Seed and batch are those of the set that they are simulated as.
    """

    z: Array
    seed: int
    batch: int

    def identity(self) -> Mapping[str, Any]:
        """The problem's, and a fingerprint of the parameters."""
        problem = ProblemSimulator(self.problem, FocusedPrior(self.problem)).identity()
        return {**problem, "given": hashlib.sha256(np.ascontiguousarray(self.z).tobytes()).hexdigest()[:16]}

    def draw(self, n: int, seed: int) -> Array:
        """The parameters of the block with this seed; the last ones again and again where there are too few."""
        blocks = range(-(-len(self.z) // self.batch))
        first = next(block * self.batch for block in blocks if replicate_seed(self.seed, block) == seed)
        return self.z[np.minimum(np.arange(first, first + n), len(self.z) - 1)]


def batch_size(agents: int) -> int:
    """Draws that run side by side: many where a step of Pyro costs more than its agents.

    >>> batch_size(10_000), batch_size(1_000_000), batch_size(1)
    (25, 1, 100)
    """
    return max(1, min(MOST, AT_ONCE // agents))
