"""A prior focused on where the posterior of the observed data may be: simulations of a second round are not wasted.

The prior is multiplied by a Gaussian that is four times as wide as the posterior of the first round. Networks learn
the posterior under that product, and weights of its draws undo the Gaussian; they are nearly even, since it is wide. A
narrower one would give the tails of a posterior, where networks are worst, much weight. A prior that is cut to a region
needs no weights, but its posteriors end at edges that networks of a few hundred simulations round off: in four
dimensions 90% intervals then held the truth in 86% of cases, where the Gaussian gives 89% and as many simulations of a
wide prior 90%.

Source: Papamakarios and Murray (2016), Fast epsilon-free inference of simulation models, arXiv:1605.06376, who divide
by the proposal as here; Deistler, Goncalves and Macke (2022), arXiv:2210.04815, who cut the prior.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from causal_lpm.inference.posteriors.neural import NeuralPosterior
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.runs.seeds import replicate_seed

__all__ = ["Focus", "FocusedPrior", "focus_on"]

WIDTH = 4.0  # of the Gaussian, in standard deviations of the posterior
OUTSIDE = 1e-3  # share of the first posterior's draws beyond the bound
FEW = 0.02  # share of the prior below which its draws are too rarely kept
SLACK = 1.5  # of a proposal's covariance, so that it is wider than what is asked for
PILOT = 20_000  # draws that find the largest weight
TRIES = 1000  # rounds of rejection before it is given up


@dataclass(frozen=True)
class Focus:
    """A wide Gaussian around the posterior of one data set, as a weight of parameters that is 1 in its middle.

    Attributes:
        mean: `[size]`.
        scale_tril: `[size, size]`.
        bound: Log weight below which there is nothing: one in a thousand draws of the posterior lie farther out. A
            stray draw of a network, where it has seen no simulation, would weigh more than all others.
        share: Mean weight of the prior's draws.
    """

    mean: torch.Tensor
    scale_tril: torch.Tensor
    bound: float
    share: float = 1.0

    def log_weight(self, z: torch.Tensor) -> torch.Tensor:
        """Log weight of z `[..., size]`, at most 0."""
        away = torch.linalg.solve_triangular(self.scale_tril, (z - self.mean).unsqueeze(-1), upper=False)
        weight: torch.Tensor = -away.square().sum((-2, -1)) / 2
        return weight

    def log_inverse(self, z: torch.Tensor) -> torch.Tensor:
        """Log weight that undoes the focus, of z `[..., size]`; -infinity beyond the bound."""
        weight = self.log_weight(z)
        return torch.where(weight >= self.bound, -weight, torch.full_like(weight, -math.inf))

    def kept(self, z: torch.Tensor, seed: int) -> torch.Tensor:
        """Which draws of the prior, `[n, size]`, to keep so that they are draws of the focused prior, bool `[n]`."""
        generator = torch.Generator().manual_seed(seed)
        return torch.rand(len(z), generator=generator).log() < self.log_weight(z)


def focus_on(problem: Problem, neural: NeuralPosterior, features: torch.Tensor, seed: int, draws: int = 5000) -> Focus:
    """The focus on the posterior of one data set.

    Args:
        problem: Whose prior is focused.
        neural: The posterior after the first round.
        features: Of the observed data, `[1, f]`.
        seed: Of the draws that find it.
        draws: How many.

    Raises:
        RuntimeError: hardly one of the draws is finite.
    """
    z = neural.sample(draws, features, seed)[:, 0].double()
    z = z[z.isfinite().all(1)]
    if len(z) <= draws // 2:
        raise RuntimeError(
            f"only {len(z)} of {draws} draws of the first round's networks are finite: the data are far from all "
            "simulations; call fit with second_round=False and look at its report."
        )
    covariance = torch.atleast_2d(torch.cov(z.T)) + 1e-8 * torch.eye(problem.size, dtype=torch.float64)
    focus = Focus(z.mean(0).float(), (WIDTH * torch.linalg.cholesky(covariance)).float(), -math.inf)
    bound = float(torch.quantile(focus.log_weight(z.float()), OUTSIDE))
    share = float(focus.log_weight(problem.propose(draws, seed)[:, : problem.size]).exp().mean())
    return replace(focus, bound=bound, share=share)


class FocusedPrior:
    """Draws of the prior, weighed by the terms, times the weight of a focus; with nuisances, `[n, all]`.

    Args:
        problem: Whose prior it is.
        focus: In the problem's coordinates; None leaves the prior as it is.
    """

    def __init__(self, problem: Problem, focus: Focus | None = None) -> None:
        self.problem, self.focus = problem, focus
        self._weighed = problem.weighed  # made here, once, and not in each process that simulates
        self._highest: float | None = None  # log weight of the proposal's draws

    def identity(self) -> dict[str, object]:
        """What determines the draws beside the prior."""
        terms = {name: series.values.nan_to_num(-1.0).flatten().tolist() for name, series in self.problem.terms.items()}
        weighed: dict[str, object] = {"terms": terms} if terms else {}
        if self.focus is None:
            return weighed
        return weighed | {"focus": [*self.focus.mean.tolist(), *self.focus.scale_tril.flatten().tolist()]}

    def draw(self, n: int, seed: int) -> npt.NDArray[np.float64]:
        """Draws of z, `[n, size]`.

        Raises:
            RuntimeError: the prior and the focus have nothing in common.
        """
        if self.focus is None:
            return self.problem.propose(n, seed).double().numpy()
        kept: list[torch.Tensor] = []
        for attempt in range(TRIES):
            kept.append(self._candidates(self.focus, max(4 * n, 2000), replicate_seed(seed, attempt)))
            if sum(map(len, kept)) >= n:
                return torch.cat(kept)[:n].double().numpy()
        raise RuntimeError(
            "hardly a draw of the prior lies where the posterior may be: the data may be beyond the prior; call fit "
            "with second_round=False and look at its report."
        )

    def _candidates(self, focus: Focus, n: int, seed: int) -> torch.Tensor:
        if focus.share >= FEW or self.problem.terms or self.problem.nuisances:
            z = self.problem.propose(n, seed)
            return z[focus.kept(z[:, : self.problem.size], replicate_seed(seed, 1))]
        # The prior hardly meets the focus: draws near both, thinned by the product of the two.
        proposal = _between(focus)
        if self._highest is None:
            self._highest = float(self._log_weight(focus, proposal, _drawn(proposal, PILOT, 0)).max())
        z = _drawn(proposal, n, seed)
        generator = torch.Generator().manual_seed(replicate_seed(seed, 1))
        thinned = torch.rand(n, generator=generator).log() < self._log_weight(focus, proposal, z) - self._highest
        return z[thinned]

    def _log_weight(
        self, focus: Focus, proposal: torch.distributions.MultivariateNormal, z: torch.Tensor
    ) -> torch.Tensor:
        weight: torch.Tensor = self.problem.log_prior(z) + focus.log_weight(z) - proposal.log_prob(z)
        return torch.where(weight < math.inf, weight, -math.inf)


def _between(focus: Focus) -> torch.distributions.MultivariateNormal:
    """The focus times a standard normal, which the prior of z is near, and a little wider."""
    precision = torch.cholesky_inverse(focus.scale_tril)
    covariance = torch.linalg.inv(precision + torch.eye(len(precision)))
    return torch.distributions.MultivariateNormal(covariance @ precision @ focus.mean, SLACK * covariance)


def _drawn(proposal: torch.distributions.MultivariateNormal, n: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(n, len(proposal.loc), generator=generator)
    drawn: torch.Tensor = proposal.loc + noise @ proposal.scale_tril.T
    return drawn
