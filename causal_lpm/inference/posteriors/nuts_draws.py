"""`sample_nuts`: draws of the exact posterior of many data sets, where the density of the program is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from causal_lpm.inference.diagnostics.convergence import effective_draws, split_rhat
from causal_lpm.inference.program.chains import Progress, sample_chains
from causal_lpm.inference.program.evaluation import each_draw
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.runs.seeds import replicate_seed
from causal_lpm.validate import positive_count

__all__ = ["NutsDraws", "sample_nuts"]

Tensor: TypeAlias = torch.Tensor


@dataclass(frozen=True)
class NutsDraws:
    """Draws of n posteriors, one a data set, in chains.

    Attributes:
        z: float64 `[n, chains, draws, size]`; `problem.constrain` makes values of them.
        densities: Log densities of z and the data, up to a constant, `[n, chains, draws]`.
        diverged: Whether a trajectory lost its energy, bool `[n, chains, draws]`.
        deepest: Whether a trajectory was cut before it turned, bool `[n, chains, draws]`.
        acceptance: Mean acceptance probability of trajectories, `[n, chains, draws]`.
        leapfrogs: Their steps, int64 `[n, chains, draws]`.
        step_sizes: `[n, chains]`.
        rhat: Rank-normalised split R-hat, numpy `[n, size]`.
        ess_bulk: Effective draws, numpy `[n, size]`.
        ess_tail: Effective draws of the 5% and 95% quantiles, the fewer of the two, numpy `[n, size]`.
    """

    z: Tensor
    densities: Tensor
    diverged: Tensor
    deepest: Tensor
    acceptance: Tensor
    leapfrogs: Tensor
    step_sizes: Tensor
    rhat: npt.NDArray[np.float64]
    ess_bulk: npt.NDArray[np.float64]
    ess_tail: npt.NDArray[np.float64]


def sample_nuts(
    problem: Problem,
    data: Mapping[str, Tensor] | None = None,
    *,
    chains: int = 4,
    warmup: int = 400,
    draws: int = 500,
    seed: int = 0,
    target: float = 0.8,
    depth: int = 10,
    progress: Progress | None = None,
) -> NutsDraws:
    """Draws of the posterior of each data set by NUTS, all chains of all data sets side by side.

    Args:
        problem: Of a program without simulated agents.
        data: Data and term sites -> `[n, *shape]`; the problem's own as one data set, if not given.
        chains: Of each data set.
        warmup: Draws that each chain drops.
        draws: That each chain keeps.
        seed: Determines every number, whatever data sets stand beside one, but for rounding.
        target: Mean acceptance probability of trajectories; nearer to 1, steps are shorter.
        depth: Doublings of a trajectory at most.
        progress: Called with (stages done, all).

    Raises:
        ValueError: a count out of range; a program that has no density or gradient, or is not in double precision.

    >>> import pyro, pyro.distributions as dist
    >>> from causal_lpm import observed
    >>> def model():
    ...     mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
    ...     observed("x", dist.Normal(mean.unsqueeze(-1).expand(*mean.shape, 4), 1.0).to_event(1))
    >>> problem = Problem(model, {"x": [0.5, 1.5, 1.0, 1.0]})
    >>> found = sample_nuts(problem, draws=300)
    >>> found.z.shape, round(float(problem.constrain(found.z.flatten(0, 2))["mean"].mean()), 1)  # exact: 0.8
    (torch.Size([1, 4, 300, 1]), 0.8)
    """
    for what, number in {"chains": chains, "warmup": warmup, "draws": draws, "depth": depth}.items():
        positive_count(what, number)
    given = problem.everything(1) if data is None else data
    n, size = len(next(iter(given.values()))), problem.coordinates.size
    sites = {name: values.double().repeat_interleave(chains, 0) for name, values in given.items()}

    def density(z: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        z = z.detach().requires_grad_()
        mine = {name: values[rows] for name, values in sites.items()}
        joint = each_draw(
            lambda some: problem.log_joint(z[some], {name: values[some] for name, values in mine.items()}), len(z)
        )
        finite = joint.isfinite()
        (slope,) = torch.autograd.grad(torch.where(finite, joint, 0.0).sum(), z)
        return joint.detach().double(), slope.nan_to_num(0.0, 0.0, 0.0)

    starts = torch.stack([problem.prior.draw(chains, replicate_seed(seed, number)) for number in range(n)]).double()
    found = sample_chains(
        density,
        starts.reshape(n, chains, size) / 2,
        warm_up=warmup,
        draws=draws,
        seed=seed,
        target=target,
        depth=depth,
        progress=progress,
    )
    z = found.draws.numpy()
    effective = [effective_draws(each) for each in z]
    return NutsDraws(
        found.draws,
        found.densities,
        found.diverged,
        found.deepest,
        found.acceptance,
        found.leapfrogs,
        found.steps,
        np.stack([split_rhat(each) for each in z]),
        np.stack([bulk for bulk, _ in effective]),
        np.stack([tail for _, tail in effective]),
    )
