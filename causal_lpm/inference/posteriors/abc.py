"""Approximate Bayesian computation by soft conditioning: simulations weigh by how near they come to the data.

The kernel is `soft_eq`, with which ChiRho's `KernelSoftConditionReparam` relaxes the equality of a deterministic site
and its data. Here it compares all data sites at once, as one distance, after the simulations are made: then the same
simulations serve the data and every data set of the gates. Nothing is learned, so anybody can follow it; but the
posterior is wider than the exact one by the width of the kernel, and more than three parameters need more simulations
than anybody has. The gates say so.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from chirho.observational.handlers.soft_conditioning import soft_eq
from torch.distributions import constraints

from causal_lpm.inference.diagnostics.report import Gate
from causal_lpm.inference.posteriors.features import SeriesFeatures
from causal_lpm.inference.posteriors.posterior import Data
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.runs.simulation_set import SimulationSet

__all__ = ["WeightedGiven", "WeightedSimulations", "soft_conditioning"]

ACCEPTED = 0.05  # effective share of the simulations
ENOUGH = 40  # effective draws


class WeightedSimulations:
    """A posterior made of simulations of the prior, weighted by a Gaussian kernel around the data.

    The distance of two data sets is the root mean square of the differences of their numbers (log1p, missing days left
    out), each divided by its standard deviation over the simulations.

    Args:
        problem: Whose data sites are compared.
        z: Of the simulations, `[n, size]`.
        data: Their data, site -> `[n, *shape]`.
        accepted: The kernel is as wide as gives this share of effective simulations, for each data set; a smaller
            share makes the posterior narrower and rests on fewer simulations.

    Raises:
        ValueError: `accepted` is not within 0 and 1.

    Source: Beaumont, Zhang and Balding (2002), Approximate Bayesian computation in population genetics, Genetics 162.
    """

    def __init__(self, problem: Problem, z: torch.Tensor, data: Mapping[str, Any], accepted: float = ACCEPTED) -> None:
        if not 0 < accepted < 1:
            raise ValueError(f"accepted is {accepted}: give the share of simulations to weigh, in (0, 1).")
        self.z, self.accepted = z, accepted
        self._features = SeriesFeatures(problem)
        cloud = self._features(data).values
        spread = cloud.std(0)
        self._scale = torch.where(spread > 0, spread, torch.ones_like(spread))
        self._cloud = cloud / self._scale

    def given(self, data: Data) -> "WeightedGiven":
        """The simulations with their weights for each data set."""
        rows = []
        for mine in self._features(data).values / self._scale:
            distance = ((self._cloud - mine) ** 2).mean(-1).sqrt()
            scale = _scale(distance, self.accepted * len(distance))
            rows.append(soft_eq(constraints.real, distance, torch.zeros_like(distance), scale=scale))
        weights = torch.stack(rows)
        return WeightedGiven(self.z, weights - weights.logsumexp(-1, keepdim=True))


@dataclass(frozen=True)
class WeightedGiven:
    """Simulations with weights for n data sets.

    Attributes:
        z: `[simulations, size]`.
        log_weights: Normalised, `[n, simulations]`.
    """

    z: torch.Tensor
    log_weights: torch.Tensor

    def sample(self, draws: int, seed: int) -> torch.Tensor:
        """Simulations drawn by weight, z `[draws, n, size]`."""
        generator = torch.Generator().manual_seed(seed)
        chosen = torch.multinomial(self.log_weights.exp(), draws, replacement=True, generator=generator)
        return self.z[chosen].transpose(0, 1)

    def log_prob(self, z: torch.Tensor) -> None:
        """None: weighted points have no density."""
        return

    def gates(self, draws: int = 1000, seed: int = 0) -> tuple[Gate, ...]:
        """Whether enough simulations carry the weight of the data set that has the fewest."""
        effective = float((1 / (self.log_weights.exp() ** 2).sum(-1)).min())
        enough = effective >= ENOUGH
        sentence = f"{effective:.0f} effective draws carry the posterior."
        step = "" if enough else "Raise the budget, or the share `accepted`, which widens the posterior."
        return (Gate("effective draws", "pass" if enough else "fail", effective, ENOUGH, sentence, step),)


def _scale(distance: torch.Tensor, effective: float) -> torch.Tensor:
    """The standard deviation of a Gaussian kernel under which so many of the distances are effective, by bisection."""
    squares = distance.double() ** 2
    low, high = -20.0, 20.0  # of its logarithm
    for _ in range(50):
        middle = (low + high) / 2
        weights = torch.softmax(-squares / (2 * math.exp(2 * middle)), 0)
        low, high = (middle, high) if float(1 / (weights**2).sum()) < effective else (low, middle)
    return torch.tensor(math.exp(high))


def soft_conditioning(problem: Problem, simulations: SimulationSet, accepted: float = ACCEPTED) -> WeightedSimulations:
    """The posterior of method "abc" from simulations of the prior.

    Args:
        problem: Whose data sites are compared.
        simulations: Of the prior.
        accepted: As of `WeightedSimulations`.
    """
    z, data = simulations.successful()
    return WeightedSimulations(problem, torch.as_tensor(z, dtype=torch.float32), data, accepted)
