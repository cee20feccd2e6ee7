"""`sample_nuts`: draws of the exact posterior of many data sets, where the density of the program is known."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from causal_lpm.inference.diagnostics.convergence import effective_draws, split_rhat
from causal_lpm.inference.program.chains import Chains, Progress, sample_chains
from causal_lpm.inference.program.evaluation import NotElementwiseError, each_draw
from causal_lpm.inference.program.luck import joint_and_luck
from causal_lpm.inference.program.nuts import Density
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.runs.seeds import replicate_seed
from causal_lpm.validate import positive_count

__all__ = ["NutsDraws", "chain_statistics", "check_density", "sample_nuts"]

Tensor: TypeAlias = torch.Tensor

TRIES = 10  # draws of the prior, of which one must have a density
FEWEST = 8  # draws of a chain


@dataclass(frozen=True)
class NutsDraws(Chains):
    """Draws of n posteriors, one a data set, in chains; `problem.constrain` makes values of their z.

    Attributes are those of `Chains` (z, densities, diverged, deepest, acceptance, leapfrogs, step_sizes), and how well
    the chains agree.

    Attributes:
        rhat: Rank-normalised split R-hat, numpy `[n, size]`.
        ess_bulk: Effective draws, numpy `[n, size]`.
        ess_tail: Effective draws of the 5% and 95% quantiles, the fewer of the two, numpy `[n, size]`.
    """

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
    at_once: int = 100,
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
        at_once: Data sets side by side; less needs less memory.
        progress: Called with (data sets done, all).

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
    for what, number in {
        "chains": chains,
        "warmup": warmup,
        "draws": draws,
        "depth": depth,
        "at_once": at_once,
    }.items():
        positive_count(what, number)
    if draws < FEWEST:
        raise ValueError(
            f"draws is {draws}: give at least {FEWEST} a chain, without which nothing tells if they agree."
        )
    if not 0 < target < 1:
        raise ValueError(f"target is {target}: give the mean acceptance of trajectories, in (0, 1), such as 0.8.")
    check_density(problem)
    given = problem.everything(1) if data is None else data
    n = len(next(iter(given.values())))
    parts = []
    for begin in range(0, n, at_once):
        some = {name: values[begin : begin + at_once] for name, values in given.items()}
        numbers = range(begin, min(begin + at_once, n))
        starts = torch.stack([problem.prior.draw(chains, replicate_seed(seed, number)) for number in numbers])
        found = sample_chains(
            _density(problem, some, chains),
            starts.double() / 2,
            warm_up=warmup,
            draws=draws,
            seeds=[
                replicate_seed(replicate_seed(seed, number), chain) for number in numbers for chain in range(chains)
            ],
            target=target,
            depth=depth,
        )
        parts.append(found)
        if progress is not None:
            progress(numbers.stop, n)
    whole = {field.name: torch.cat([getattr(part, field.name) for part in parts]) for field in fields(Chains)}
    chains_of_each = whole["z"].numpy()
    bulk, tail = zip(*(effective_draws(each) for each in chains_of_each), strict=True)
    return NutsDraws(
        **whole,
        rhat=np.stack([split_rhat(each) for each in chains_of_each]),
        ess_bulk=np.stack(bulk),
        ess_tail=np.stack(tail),
    )


def chain_statistics(drawn: NutsDraws) -> dict[str, npt.NDArray[Any]]:
    """Of one data set, by ArviZ's names, `[chains * draws]`."""
    found = {
        "lp": drawn.densities,
        "diverging": drawn.diverged,
        "acceptance_rate": drawn.acceptance,
        "n_steps": drawn.leapfrogs,
        "reached_max_treedepth": drawn.deepest,
        "step_size": drawn.step_sizes[..., None].expand(drawn.densities.shape),
    }
    return {name: values[0].flatten().numpy() for name, values in found.items()}


def check_density(problem: Problem) -> None:
    """Raises ValueError where a program has no density that chains could follow."""
    z, data = problem.prior.draw(TRIES, 0).double(), problem.everything(TRIES)
    try:
        joint, lucky = joint_and_luck(problem, z.requires_grad_(), data)
    except NotElementwiseError:
        raise
    except (RuntimeError, TypeError) as error:
        if "dtype" not in str(error) and "double" not in str(error).lower():
            raise
        raise ValueError(
            "chains are computed in double precision, in which the model is not "
            f"({str(error).splitlines()[0].rstrip('.')}): give its tensors the type of the parameters, as in "
            "features.to(parameter)."
        ) from error
    if lucky:
        raise ValueError(
            "the density of the data depends on the luck of simulated agents, and method 'nuts' needs one that is "
            "known: choose 'npe', or 'svi+npe' with a surrogate, which learn it from simulations."
        )
    if not joint.requires_grad:
        raise ValueError("no gradient reaches the parameters, along which chains go: choose method='npe'.")
    if not bool(joint.isfinite().any()):
        raise ValueError(
            f"the density of the data is no finite number at any of {TRIES} draws of the prior: look for overflow and "
            "logarithms of zero in the model, or keep the prior away from there."
        )


def _density(problem: Problem, data: Mapping[str, Tensor], chains: int) -> Density:
    sites = {name: values.double().repeat_interleave(chains, 0) for name, values in data.items()}

    def density(z: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        z = z.detach().requires_grad_()
        mine = {name: values[rows] for name, values in sites.items()}
        joint = each_draw(
            lambda some: problem.log_joint(z[some], {name: values[some] for name, values in mine.items()}), len(z)
        )
        (slope,) = torch.autograd.grad(torch.where(joint.isfinite(), joint, 0.0).sum(), z)
        return joint.detach().double(), slope.nan_to_num(0.0, 0.0, 0.0)

    return density
