"""SVI of many data sets at once: a Gaussian guide for each, by gradients of a differentiable program.

A guide is a summary of its data set, and a proposal; it is not a posterior. In the toy epidemic of the design its 50%
and 90% intervals cover the truth in 26% and 60% of cases.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import torch

from causal_lpm.inference.program.evaluation import each_draw
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.runs.seeds import replicate_seed
from causal_lpm.validate import positive_count

__all__ = ["Guides", "fit_guides"]

EARLY = 20  # steps after which guides are given up that hardly ever have a density
NEARLY_ALL = 0.9  # share of a guide's draws
FULL = 60  # parameters of which all covariances are fitted
RANK = 8  # directions of a guide with more
FIRST = -1.5  # log deviations at the beginning
BEGUN = 0.01  # entries of the directions
LOST = 0.2  # share of data sets whose guides may be so


@dataclass(frozen=True)
class Guides:
    """Gaussian guides of n data sets.

    Attributes:
        mean: `[n, size]`.
        scale_tril: `[n, size, size]`, lower triangular with a positive diagonal.
        elbo: `[n]`, the mean of the last steps, up to a constant.
        lost: `[n]`, the share of its draws that had no finite density, and said nothing.
    """

    mean: torch.Tensor
    scale_tril: torch.Tensor
    elbo: torch.Tensor
    lost: torch.Tensor

    @property
    def log_scale(self) -> torch.Tensor:
        """Log standard deviations, `[n, size]`."""
        return (self.scale_tril**2).sum(-1).log() / 2

    @property
    def features(self) -> torch.Tensor:
        """Mean and log standard deviation, `[n, 2 size]`: what a data set says, in few numbers."""
        return torch.cat([self.mean, self.log_scale], -1)

    def distribution(self) -> torch.distributions.MultivariateNormal:
        """The guides as one distribution of batch shape `[n]`."""
        return torch.distributions.MultivariateNormal(self.mean, scale_tril=self.scale_tril)


def fit_guides(
    problem: Problem,
    data: Mapping[str, torch.Tensor],
    *,
    steps: int = 400,
    learning_rate: float = 0.03,
    particles: int = 2,
    starts: int = 32,
    seed: int = 0,
    at_once: int = 1000,
    progress: Callable[[int, int], None] | None = None,
) -> Guides:
    """Maximises the ELBO of every data set under the surrogate (or the model, where it is differentiable).

    All data sets are optimised side by side, as draws of one program. Each begins at the best of a few draws of the
    prior, which are the same for all; the agents' luck, where the program has any, is drawn anew at every step.

    Args:
        problem: What is asked.
        data: site -> `[n, *shape of the site]`.
        steps: Of Adam, with a cosine schedule of the learning rate.
        learning_rate: At the beginning, in units of the prior's standard deviation.
        particles: Draws of each guide in a step.
        starts: Draws of the prior that are tried as a beginning.
        seed: Determines every number.
        at_once: Data sets side by side; less needs less memory.
        progress: Called with (data sets done, all).

    Returns:
        Guides in the space of z: with full covariance up to 60 parameters, and beyond with that of a diagonal and 8
        directions, because more covariances than that wander further than the posterior is wide.

    Raises:
        ValueError: no gradient reaches the parameters, the density is nearly always NaN for many data sets; a setting
            out of range.
    """
    for what, number in {"steps": steps, "particles": particles, "starts": starts, "at_once": at_once}.items():
        positive_count(what, number)
    if not learning_rate > 0:
        raise ValueError(f"the learning rate is {learning_rate}: give a positive number, such as 0.03.")
    n = len(next(iter(data.values())))
    parts = []
    for begin in range(0, n, at_once):
        part = {name: values[begin : begin + at_once] for name, values in data.items()}
        parts.append(_fit(problem, part, steps, learning_rate, particles, starts, seed))
        if progress is not None:
            progress(min(begin + at_once, n), n)
    return Guides(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(Guides)))


def _fit(
    problem: Problem,
    data: Mapping[str, torch.Tensor],
    steps: int,
    learning_rate: float,
    particles: int,
    starts: int,
    seed: int,
) -> Guides:
    n, size = len(next(iter(data.values()))), problem.size
    generator = torch.Generator().manual_seed(seed)
    mean = _best_start(problem, data, starts, seed).requires_grad_()
    shape = _Full(n, size) if size <= FULL else _LowRank(n, size, generator)
    optimiser = torch.optim.Adam([mean, *shape.parameters], lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, learning_rate / 20)
    repeated = {name: values.repeat(particles, *(1,) * (values.dim() - 1)) for name, values in data.items()}
    last, lost = torch.zeros(n), torch.zeros(n)
    averaged = max(steps // 10, 1)
    for step in range(steps):
        z = (mean + shape.away(particles, generator)).reshape(particles * n, size)
        joint = _joint(problem, z, repeated, replicate_seed(seed, step)).reshape(particles, n)
        # A draw that a solver cannot follow says nothing in this step, and its data set goes on with the others.
        finite = joint.isfinite()
        lost += (~finite).float().mean(0)
        if step + 1 in (EARLY, steps):
            _check_lost(lost / (step + 1))
        if not joint.requires_grad:
            raise ValueError(
                "no gradient reaches the parameters: give a differentiable surrogate, or choose method='npe', which "
                "needs none."
            )
        mean_joint = torch.where(finite, joint, torch.zeros_like(joint)).sum(0) / finite.sum(0).clamp(min=1)
        elbo = torch.where(finite.any(0), mean_joint + shape.log_volume(), 0.0)
        optimiser.zero_grad()
        (-elbo.sum()).backward()
        _limit(mean.grad, *(each.grad for each in shape.parameters))
        optimiser.step()
        schedule.step()
        if step >= steps - averaged:
            last += elbo.detach().float() / averaged
    with torch.no_grad():
        scale = shape.scale_tril()
    return Guides(mean.detach(), scale, last + size / 2 * (1 + math.log(2 * math.pi)), lost / steps)


class _Full:
    """Normal distributions with full covariance, `[n]` of them."""

    def __init__(self, n: int, size: int) -> None:
        self._below = torch.zeros(n, size, size, requires_grad=True)
        self._log_diagonal = torch.full((n, size), FIRST, requires_grad=True)
        self.parameters = [self._below, self._log_diagonal]

    def scale_tril(self) -> torch.Tensor:
        return torch.tril(self._below, -1) + torch.diag_embed(self._log_diagonal.exp())

    def away(self, particles: int, generator: torch.Generator) -> torch.Tensor:
        """Draws less their mean, `[particles, n, size]`."""
        noise = torch.randn(particles, *self._log_diagonal.shape, generator=generator)
        away: torch.Tensor = (self.scale_tril() @ noise.unsqueeze(-1)).squeeze(-1)
        return away

    def log_volume(self) -> torch.Tensor:
        """Half the log determinant of the covariance, `[n]`."""
        return self._log_diagonal.sum(-1)


class _LowRank:
    """Normal distributions with a covariance of a diagonal and a few directions, `[n]` of them."""

    def __init__(self, n: int, size: int, generator: torch.Generator) -> None:
        self._directions = (BEGUN * torch.randn(n, size, RANK, generator=generator)).requires_grad_()
        self._log_diagonal = torch.full((n, size), FIRST, requires_grad=True)
        self.parameters = [self._directions, self._log_diagonal]

    def scale_tril(self) -> torch.Tensor:
        covariance = torch.diag_embed((2 * self._log_diagonal).exp()) + self._directions @ self._directions.mT
        tril: torch.Tensor = torch.linalg.cholesky(covariance.double()).float()
        return tril

    def away(self, particles: int, generator: torch.Generator) -> torch.Tensor:
        """Draws less their mean, `[particles, n, size]`."""
        own = torch.randn(particles, *self._log_diagonal.shape, generator=generator)
        shared = torch.randn(particles, len(self._directions), RANK, 1, generator=generator)
        away: torch.Tensor = self._log_diagonal.exp() * own + (self._directions @ shared).squeeze(-1)
        return away

    def log_volume(self) -> torch.Tensor:
        """Half the log determinant of the covariance, `[n]`."""
        scaled = self._directions / self._log_diagonal.exp().unsqueeze(-1)
        inner = torch.eye(RANK) + scaled.mT @ scaled
        shared: torch.Tensor = torch.linalg.cholesky(inner).diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return self._log_diagonal.sum(-1) + shared


def _joint(problem: Problem, z: torch.Tensor, data: Mapping[str, torch.Tensor], seed: int) -> torch.Tensor:
    """Log joint densities of draws and their data sets, NaN where the program fails."""
    return each_draw(
        lambda rows: problem.log_guided(z[rows], {name: values[rows] for name, values in data.items()}, seed), len(z)
    )


def _best_start(problem: Problem, data: Mapping[str, torch.Tensor], starts: int, seed: int) -> torch.Tensor:
    """Of a few draws of the prior, the one under which each data set is most probable, `[n, size]`."""
    n = len(next(iter(data.values())))
    best, start = torch.full((n,), -math.inf, dtype=torch.float64), torch.zeros(n, problem.size)
    centre = torch.zeros(1, problem.size)
    candidates = torch.cat([centre, problem.propose(starts - 1, seed)[:, : problem.size]]) if starts > 1 else centre
    with torch.no_grad():
        first = {name: values[:1].expand(starts, *values.shape[1:]) for name, values in data.items()}
        for z in candidates[~_joint(problem, candidates, first, seed).isnan()]:
            joint = problem.log_guided(z.expand(n, -1), data, seed).double()
            better = joint > best
            best, start = torch.where(better, joint, best), torch.where(better[:, None], z, start)
    return start.clone()


def _limit(*gradients: torch.Tensor | None) -> None:
    """Each data set's gradient at most of length 100: one wild day must not throw its guide away."""
    for gradient in gradients:
        if gradient is not None:
            flat = gradient.nan_to_num_(0.0, 0.0, 0.0).flatten(1)
            flat.mul_((100.0 / flat.norm(dim=1, keepdim=True).clamp(min=1e-9)).clamp(max=1.0))


def _check_lost(lost: torch.Tensor) -> None:
    """Raises ValueError where hardly a draw of many guides has a density."""
    nearly = lost > NEARLY_ALL
    if float(nearly.float().mean()) > LOST:
        raise ValueError(
            f"the density of {int(nearly.sum())} of {len(lost)} data sets is not a number for nearly all draws of the "
            "parameters: look for logarithms of zero in the surrogate, or choose method='npe'."
        )
