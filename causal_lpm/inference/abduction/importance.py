"""Importance sampling of the parameters, weighed by filters, in rounds that learn where the weight lies.

The estimate of a filter stands in the place of the likelihood, and the weighted draws are still of the exact posterior
(IS squared: Tran, Scharth, Pitt and Kohn 2013, arXiv 1309.3339). All rounds count, each draw weighed by the mixture of
all proposals (deterministic mixture: Cornuet, Marin, Mira and Robert 2012, Scandinavian Journal of Statistics 39:798).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from causal_lpm.inference.abduction.filters import Filtered
from causal_lpm.inference.abduction.proposal import Proposal, around
from causal_lpm.inference.abduction.resampling import effective_number, systematic
from causal_lpm.inference.program.problem import Problem

__all__ = ["Weighed", "are_known", "covariance", "next_proposal", "resampled", "walk_of", "weighed"]


SMALLEST = 1e-3  # share of the first posterior's covariance that stays in that of a random walk


@dataclass(frozen=True)
class Weighed:
    """Draws of the parameters, each with a filter of its luck.

    Attributes:
        z: `[draws, all]`.
        filtered: One filter a draw.
        log_weights: Log of the posterior over the proposal, float64 `[draws]`, up to rounding the same in any order.
    """

    z: torch.Tensor
    filtered: Filtered
    log_weights: torch.Tensor

    @property
    def weights(self) -> torch.Tensor:
        """That add up to 1, float64 `[draws]`."""
        return self.log_weights.softmax(0)

    @property
    def effective(self) -> float:
        """How many draws of equal weight they are worth."""
        return float(effective_number(self.weights))

    @property
    def log_evidence(self) -> float:
        """Log of the estimated probability of the data under the model."""
        return float(self.log_weights.logsumexp(0) - torch.tensor(float(len(self.z))).log())


def weighed(
    problem: Problem, parts: Sequence[torch.Tensor], proposals: Sequence[Proposal], filtered: Filtered
) -> Weighed:
    """The draws of all rounds with their weights.

    Args:
        problem: Whose prior it is.
        parts: The draws of each round, `[n, all]`.
        proposals: From which they came; none, of parameters that are known, whose nuisances are of the prior.
        filtered: Their filters.
    """
    z = torch.cat(list(parts))
    if not proposals:
        return Weighed(z, filtered, filtered.log_evidence)
    log_prior = problem.prior.log_density(z).double()
    sizes = torch.tensor([len(part) for part in parts], dtype=torch.float64)
    share = (sizes / sizes.sum()).log()
    each = torch.stack([log + q.log_density(z, log_prior) for log, q in zip(share, proposals, strict=True)])
    log_weights = filtered.log_evidence + log_prior - each.logsumexp(0)
    return Weighed(z, filtered, log_weights.nan_to_num(nan=-torch.inf))


def covariance(z: torch.Tensor) -> torch.Tensor:
    """Of draws `[n, all]`, float64; 0 of a single one."""
    if len(z) == 1:
        return torch.zeros(z.shape[1], z.shape[1], dtype=torch.float64)
    return torch.cov(z.double().T).reshape(z.shape[1], z.shape[1])


def next_proposal(found: Weighed, base: torch.Tensor) -> Proposal:
    """Around the weighted draws; around flatter weights where few draws have nearly all."""
    power, enough = 1.0, min(len(found.z) / 2, 2.0 * found.z.shape[1])
    while effective_number((power * found.log_weights).softmax(0)) < enough and power > 1e-3:
        power *= 0.9
    return around(found.z, (power * found.log_weights).softmax(0), base)


def resampled(found: Weighed, paths: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Paths of equal weight: the number of the filter and of the particle of each, int64 `[paths]`.

    Filters are taken as often as their weights say, up to one more or less (systematic resampling).
    """
    generator = torch.Generator().manual_seed(seed % 2**63)
    filters = systematic(found.weights, paths, generator)
    particles = torch.empty_like(filters)
    for number in filters.unique().tolist():
        own = filters == number
        weights = found.filtered.weights[number]
        particles[own] = weights.multinomial(int(own.sum()), replacement=True, generator=generator)
    return filters, particles


Round = Callable[[torch.Tensor, int], Filtered]
"""Draws of the parameters `[n, all]`, and how many filters there were before -> their filters."""


def in_rounds(
    problem: Problem, start: torch.Tensor, run: Round, *, filters: int, rounds: int, enough: float, seed: int
) -> Weighed:
    """Runs filters in rounds, until so many effective draws are found.

    Args:
        problem: Model and data.
        start: Draws of a first posterior, `[n, all]`; where the parameters of all are equal, they are known.
        run: Runs filters.
        filters: In each round.
        rounds: At most.
        enough: Effective draws after which no further round is run.
        seed: Of the draws.
    """
    known = are_known(problem, start)
    if known and not problem.nuisances:
        z = start[:1].expand(filters, -1)
        return weighed(problem, [z], [], run(z, 0))
    base = covariance(start)
    proposals, parts, found = [] if known else [around(start)], list[torch.Tensor](), list[Filtered]()
    while True:
        z = (
            _with_nuisances(problem, start[:1].expand(filters, -1), seed + len(parts))
            if known
            else proposals[-1].draw(problem, filters, seed + len(parts))
        )
        parts.append(z)
        found.append(run(z, filters * len(found)))
        whole = Filtered.of([one.arrays() for one in found])
        result = weighed(problem, parts, proposals, whole)
        if result.effective >= enough or len(parts) == rounds:
            return result
        if not known:
            proposals.append(next_proposal(result, base))


def are_known(problem: Problem, start: torch.Tensor) -> bool:
    """Whether draws of a first posterior, `[n, all]`, say that the parameters are known: nuisances never are."""
    own = start[:, : problem.size]
    return bool((own == own[:1]).all())


def walk_of(problem: Problem, start: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """Lower triangle of the covariance of the random walk, `[all, all]`; 0 in the rows of what is known."""
    spread = covariance(z) + SMALLEST * covariance(start)
    jitter = 1e-9 * torch.eye(spread.shape[0], dtype=torch.float64)
    root: torch.Tensor = torch.linalg.cholesky(spread.nan_to_num() + jitter)
    if are_known(problem, start):
        root[: problem.size] = 0.0
    return root


def _with_nuisances(problem: Problem, z: torch.Tensor, seed: int) -> torch.Tensor:
    """Known parameters with nuisances of their prior, without the terms, which count as data: `[n, all]`."""
    return problem.prior.drawn_again(z[:, : problem.size], {p.name for p in problem.nuisances}, seed)
