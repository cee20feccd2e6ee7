"""From which parameters filters are run: heavy-tailed normals around what is known so far, and one tenth the prior."""

import math
from dataclasses import dataclass

import torch

from causal_lpm.inference.abduction.resampling import effective_number
from causal_lpm.inference.program.problem import Problem

__all__ = ["Proposal", "around"]

PRIOR = 0.1  # share of the draws that come from the prior
DEGREES = 7.0  # of freedom of the other ones
WIDER = 1.2  # than the draws they are fitted to, as a variance
LEAST = 1e-6  # share of the prior's variance in every direction, so that a covariance can be inverted


@dataclass(frozen=True)
class Proposal:
    """A mixture of Student's t and the prior, over z.

    Attributes:
        centre: `[all]`.
        root: Lower triangle of the scale, `[all, all]`.
    """

    centre: torch.Tensor
    root: torch.Tensor

    def draw(self, problem: Problem, n: int, seed: int) -> torch.Tensor:
        """`n` draws, float32 `[n, all]`; each a function of its number and the seed, up to the model's own prior."""
        generator = torch.Generator().manual_seed(seed % 2**63)
        normal = torch.randn(n, len(self.centre), generator=generator, dtype=torch.float64)
        # A chi-square of an odd number of degrees, as a sum of squares: torch's own takes no generator.
        chi2 = (torch.randn(n, int(DEGREES), generator=generator, dtype=torch.float64) ** 2).sum(1, keepdim=True)
        around = self.centre + normal @ self.root.T * (DEGREES / chi2).sqrt()
        from_prior = torch.rand(n, generator=generator) < PRIOR
        return torch.where(from_prior[:, None], problem.prior.draw(n, seed).double(), around).float()

    def log_density(self, z: torch.Tensor, log_prior: torch.Tensor) -> torch.Tensor:
        """Of z `[n, all]`, where the prior's density is known, float64 `[n]`."""
        size = len(self.centre)
        away = torch.linalg.solve_triangular(self.root, (z.double() - self.centre).T, upper=False)
        constant = math.lgamma((DEGREES + size) / 2) - math.lgamma(DEGREES / 2) - size / 2 * math.log(DEGREES * math.pi)
        log_t = (
            constant - self.root.diagonal().log().sum() - (DEGREES + size) / 2 * ((away**2).sum(0) / DEGREES).log1p()
        )
        return torch.logaddexp(math.log(PRIOR) + log_prior.double(), math.log(1 - PRIOR) + log_t)


def around(z: torch.Tensor, weights: torch.Tensor | None = None, base: torch.Tensor | None = None) -> Proposal:
    """The proposal around weighted draws.

    Args:
        z: `[n, all]`.
        weights: `[n]`, that add up to 1; equal ones, if not given.
        base: A covariance that is mixed in, `[all, all]`, where few draws carry the weight.
    """
    z = z.double()
    weights = torch.full((len(z),), 1 / len(z), dtype=torch.float64) if weights is None else weights.double()
    centre = (weights[:, None] * z).sum(0)
    spread = (weights[:, None] * (z - centre)).T @ (z - centre)
    least = LEAST * torch.eye(len(centre), dtype=torch.float64)
    if base is not None:
        effective = float(effective_number(weights))
        own = effective / (effective + 2 * len(centre))
        spread = own * spread + (1 - own) * base
    # A t with this scale has the covariance of the draws, times WIDER.
    scale = WIDER * spread * (DEGREES - 2) / DEGREES + least
    return Proposal(centre, torch.linalg.cholesky(scale))
