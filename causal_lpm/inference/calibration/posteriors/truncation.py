"""A prior cut to where the posterior of the observed data may be: simulations of a second round are not wasted.

Draws outside of the region are as improbable as the least of thousands of posterior draws, so the posterior of the
observed data hardly changes when the prior is cut there, and training stays that of plain NPE (Deistler, Goncalves and
Macke, 2022, Truncated proposals for scalable and hassle-free simulation-based inference, arXiv:2210.04815).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from causal_lpm.inference.calibration.posteriors.neural import NeuralPosterior
from causal_lpm.inference.calibration.problems.problem import Problem
from causal_lpm.inference.seeds import replicate_seed

__all__ = ["Region", "TruncatedPrior", "truncate"]

QUANTILE = 1e-3
MARGIN = 0.1  # of the box, each side, relative to its width
FEW = 0.02  # share of the prior below which the box is sampled instead
PILOT = 20_000  # even draws of the box that find the prior's highest density there
TRIES = 1000  # rounds of rejection before the region is called too small


@dataclass(frozen=True)
class Region:
    """Where the density of a posterior is above a bound, inside a box.

    Attributes:
        neural: The posterior of the first round.
        features: Of the observed data, `[1, f]`.
        bound: Of the log density.
        low: Of the box, `[size]`.
        high: Of the box, `[size]`.
        share: Of the prior that lies inside.
    """

    neural: NeuralPosterior
    features: torch.Tensor
    bound: float
    low: torch.Tensor
    high: torch.Tensor
    share: float = 1.0

    def contains(self, z: torch.Tensor) -> torch.Tensor:
        """Bool `[n]` for z `[n, size]`."""
        inside = ((z >= self.low) & (z <= self.high)).all(-1)
        if bool(inside.any()):
            inside[inside.clone()] = self.neural.log_prob(z[inside].unsqueeze(1), self.features)[:, 0] > self.bound
        return inside


def truncate(problem: Problem, neural: NeuralPosterior, features: torch.Tensor, seed: int, draws: int = 5000) -> Region:
    """The region of the posterior of one data set, and the share of the prior inside.

    Args:
        problem: Whose prior is cut.
        neural: The posterior after the first round.
        features: Of the observed data, `[1, f]`.
        seed: Of the draws that find the region.
        draws: How many.
    """
    z = neural.sample(draws, features, seed)
    density = neural.log_prob(z, features)[:, 0]
    bound = float(torch.quantile(density, QUANTILE))
    kept = z[:, 0][density > bound]
    width = kept.max(0).values - kept.min(0).values
    low, high = kept.min(0).values - MARGIN * width, kept.max(0).values + MARGIN * width
    region = Region(neural, features, bound, low, high)
    share = float(region.contains(problem.draw(draws, seed)).float().mean())
    return Region(neural, features, bound, low, high, share)


class TruncatedPrior:
    """Draws of the prior inside a region.

    Args:
        problem: Whose prior is cut.
        region: To what, in the problem's coordinates; None leaves the prior as it is.
    """

    def __init__(self, problem: Problem, region: Region | None = None) -> None:
        self.problem, self.region = problem, region
        self._highest: float | None = None  # density of the prior in the box

    def identity(self) -> dict[str, object]:
        """What determines the draws beside the prior."""
        if self.region is None:
            return {}
        return {"region": [self.region.bound, *self.region.low.tolist(), *self.region.high.tolist()]}

    def draw(self, n: int, seed: int) -> npt.NDArray[np.float64]:
        """Draws of z, `[n, size]`."""
        if self.region is None:
            return self.problem.draw(n, seed).double().numpy()
        kept: list[torch.Tensor] = []
        for attempt in range(TRIES):
            kept.append(self._candidates(max(4 * n, 2000), replicate_seed(seed, attempt)))
            if sum(map(len, kept)) >= n:
                return torch.cat(kept)[:n].double().numpy()
        raise RuntimeError(
            "hardly a draw of the prior lies where the posterior may be: the data may be beyond the prior; call fit "
            "with truncate=False and look at its report."
        )

    def _candidates(self, n: int, seed: int) -> torch.Tensor:
        region = self.region
        assert region is not None
        if region.share >= FEW:
            z = self.problem.draw(n, seed)
            return z[region.contains(z)]
        # The prior hardly meets the region: even draws of the box, thinned by the density of the prior.
        z = self._even(n, seed)
        if self._highest is None:
            self._highest = float(self.problem.log_prior(self._even(PILOT, 0)).max())
        density = self.problem.log_prior(z) - self._highest
        generator = torch.Generator().manual_seed(replicate_seed(seed, 1))
        thinned = z[torch.rand(len(z), generator=generator).log() < density]
        return thinned[region.contains(thinned)]

    def _even(self, n: int, seed: int) -> torch.Tensor:
        region = self.region
        assert region is not None
        generator = torch.Generator().manual_seed(seed)
        return region.low + (region.high - region.low) * torch.rand(n, self.problem.size, generator=generator)
