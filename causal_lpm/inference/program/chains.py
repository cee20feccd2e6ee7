"""Markov chains of several densities side by side: starts, warm-up, draws."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch

from causal_lpm.inference.program.nuts import Density, Luck, transitions
from causal_lpm.inference.program.whitening import STEPS, rounder, settled, whitening_of

__all__ = ["Chains", "sample_chains"]

Tensor: TypeAlias = torch.Tensor
Progress: TypeAlias = Callable[[int, int], None]

TARGET = 0.8  # mean acceptance that step sizes are made for
WINDOWS = (0.2, 0.3, 0.3, 0.2)  # of the warm-up; a new shape is learned at the end of each but the last
FIRST = 0.2  # step size at the beginning


@dataclass(frozen=True)
class Chains:
    """Draws of n densities in chains.

    Attributes:
        z: Draws, float64 `[n, chains, draws, size]`.
        densities: Log densities there, up to a constant, `[n, chains, draws]`.
        diverged: bool `[n, chains, draws]`: the trajectory lost its energy, so a part of the density was not reached.
        deepest: bool `[n, chains, draws]`: the trajectory was cut before it turned.
        acceptance: Mean acceptance probability, `[n, chains, draws]`.
        leapfrogs: Steps of the trajectory, int64 `[n, chains, draws]`.
        step_sizes: After warm-up, `[n, chains]`.
    """

    z: Tensor
    densities: Tensor
    diverged: Tensor
    deepest: Tensor
    acceptance: Tensor
    leapfrogs: Tensor
    step_sizes: Tensor


class StepSizes:
    """Step sizes of rows that reach a mean acceptance, by dual averaging.

    Source: Hoffman and Gelman (2014), section 3.2, with their constants.
    """

    def __init__(self, first: Tensor, target: float) -> None:
        self._target, self._centre = target, (10 * first).log()
        self._mean, self._made = torch.zeros_like(first), torch.zeros_like(first)
        self._averaged = first.log()

    def __call__(self, rows: Tensor, acceptance: Tensor) -> Tensor:
        self._made[rows] += 1
        made = self._made[rows]
        share = 1 / (made + 10)
        self._mean[rows] = (1 - share) * self._mean[rows] + share * (self._target - acceptance)
        log_step = self._centre[rows] - made.sqrt() / 0.05 * self._mean[rows]
        weight = made**-0.75
        self._averaged[rows] = weight * log_step + (1 - weight) * self._averaged[rows]
        return log_step.exp()

    @property
    def found(self) -> Tensor:
        """Where they settle, `[rows]`."""
        return self._averaged.exp()


def sample_chains(
    density: Density,
    starts: Tensor,
    *,
    warm_up: int,
    draws: int,
    seeds: Sequence[int],
    target: float = TARGET,
    depth: int = 10,
) -> Chains:
    """NUTS in chains side by side, in coordinates in which the densities are round.

    Each chain has a start and a guide of its own, so that chains of a density with several modes disagree. Chains of
    one density share what they learn of its shape.

    Args:
        density: Of rows, `n * chains`.
        starts: Far apart, float64 `[n, chains, size]`.
        warm_up: Draws that find step sizes and shapes, and are dropped.
        draws: Of each chain.
        seeds: One a row, which determines its numbers, but for rounding, together with the other chains of its density.
        target: Mean acceptance of trajectories.
        depth: Doublings of a trajectory at most.
    """
    n, chains, size = starts.shape
    rows = n * chains
    luck = Luck(seeds)
    every = torch.arange(rows)
    noise = luck.normal(every, (STEPS + 1) * size).reshape(rows, STEPS + 1, size).transpose(0, 1)
    mean, scale = settled(density, starts.reshape(rows, size), noise[:-1])
    z = mean + scale * noise[-1]
    white = whitening_of(density, z, n)
    steps = torch.full((rows,), FIRST, dtype=torch.float64)
    for number, share in enumerate(WINDOWS):
        length = max(int(share * warm_up), 1)
        sizes = StepSizes(steps, target)
        found = transitions(white.seen(density, rows), white.inverse(z), steps, length, luck, sizes, depth)
        steps, z = sizes.found, white.points(found.points[:, -1:])[:, 0]
        if number < len(WINDOWS) - 1 and length > 1:
            begin = length // 3 if number == 0 else 0  # the way to where the mass is
            white = rounder(white, found.points[:, begin:], found.gradients[:, begin:])
    drawn = transitions(white.seen(density, rows), white.inverse(z), steps, draws, luck, None, depth)
    shape = (n, chains, draws)
    return Chains(
        white.points(drawn.points).reshape(*shape, size),
        drawn.densities.reshape(shape),
        drawn.diverged.reshape(shape),
        drawn.deepest.reshape(shape),
        drawn.acceptance.reshape(shape),
        drawn.leapfrogs.reshape(shape),
        steps.reshape(n, chains),
    )
