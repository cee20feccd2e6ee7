"""The two stages of an abduction in blocks, whose numbers depend on the number of the block alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from causal_lpm.inference.abduction.filters import particle_filters
from causal_lpm.inference.abduction.rejuvenation import rejuvenated
from causal_lpm.inference.abduction.windowed import Windowed
from causal_lpm.inference.runs.run_folder import Arrays
from causal_lpm.inference.runs.seeds import replicate_seed

__all__ = ["CELLS", "FilterBlocks", "MoveBlocks"]

CELLS = 2_000_000  # agents x rows that are simulated at once


@dataclass(frozen=True)
class FilterBlocks:
    """Number of a block of filters -> what they found."""

    windowed: Windowed
    z: torch.Tensor
    seeds: Sequence[int]
    particles: int

    @property
    def batch(self) -> int:
        return max(1, CELLS // (self.windowed.problem.agents * self.particles))

    def __call__(self, number: int) -> Arrays:
        rows = slice(number * self.batch, (number + 1) * self.batch)
        return particle_filters(self.windowed, self.z[rows], self.seeds[rows], self.particles).arrays()

    def check(self, arrays: Arrays) -> None:
        """Raises ValueError for what is no block of this."""
        if arrays["seeds"].shape[1:] != (self.particles, len(self.windowed)):
            raise ValueError(f"has seeds of shape {arrays['seeds'].shape}")


@dataclass(frozen=True)
class MoveBlocks:
    """Number of a block of paths -> the paths after their moves."""

    windowed: Windowed
    z: torch.Tensor
    paths: torch.Tensor
    walk: torch.Tensor
    sweeps: int
    seed: int

    @property
    def batch(self) -> int:
        return max(1, min(100, CELLS // self.windowed.problem.agents))

    @property
    def seeds(self) -> torch.Tensor:
        """int64 `[paths, windows, blocks]`: at first all blocks have that of their particle."""
        return self.windowed.in_all_blocks(self.paths)

    def __call__(self, number: int) -> Arrays:
        rows = slice(number * self.batch, (number + 1) * self.batch)
        own = replicate_seed(self.seed + 1, number)
        return rejuvenated(self.windowed, self.z[rows], self.seeds[rows], self.walk, self.sweeps, own).arrays()

    def check(self, arrays: Arrays) -> None:
        """Raises ValueError for what is no block of this."""
        if arrays["seeds"].shape[1:] != (len(self.windowed), self.windowed.blocks):
            raise ValueError(f"has seeds of shape {arrays['seeds'].shape}")
