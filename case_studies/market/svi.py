"""Variational inference through the simulation, with each gradient: pathwise, mean field, and score."""

import functools
from collections.abc import Mapping
from time import process_time
from typing import Any

import torch

from case_studies.market.summaries import summarised
from causal_lpm import MeanField, StraightThrough
from causal_lpm.inference import Problem, fit_guides, known, replicate_seed

__all__ = ["GRADIENTS", "guides"]

GRADIENTS = ("StraightThrough", "MeanField", "score of the guide")
NOISE = 0.5
"""How far the summaries of two series of one market may be apart: the width of the likelihood that is optimised."""
WIDTH = 0.2
"""Slope of a threshold, in standard deviations of news; 1/5 as published."""
RATE = 0.05


def guides(
    gradient: str, data: Mapping[str, Any], steps: int, draws: int, seed: int
) -> tuple[torch.distributions.MultivariateNormal, float]:
    """A normal guide for each data set, of `steps` x `draws` simulations each, in the space of z; and CPU seconds each.

    Args:
        gradient: One of `GRADIENTS`.
        data: Site -> `[n, 1, 20]`.
        steps: Of Adam.
        draws: Simulations of each guide in a step.
        seed: Of everything.

    Raises:
        ValueError: an unknown gradient.
    """
    known("gradient", gradient, GRADIENTS)
    given = {name: torch.as_tensor(values) for name, values in data.items()}
    began = process_time()
    one = {name: values[0].numpy() for name, values in given.items()}
    problem = Problem(summarised, one, functools.partial(_under, gradient))
    if gradient == GRADIENTS[2]:
        found = _by_score(problem, given, steps, draws, seed)
    else:
        found = fit_guides(
            problem, given, steps=steps, particles=draws, starts=1, seed=seed, learning_rate=RATE
        ).distribution()
    return found, (process_time() - began) / len(next(iter(given.values())))


def _under(gradient: str) -> Any:
    if gradient == GRADIENTS[2]:
        return summarised(NOISE)
    with {"StraightThrough": StraightThrough, "MeanField": MeanField}[gradient]():
        return summarised(NOISE, WIDTH)


def _by_score(
    problem: Problem, data: Mapping[str, torch.Tensor], steps: int, draws: int, seed: int
) -> torch.distributions.MultivariateNormal:
    """Needs no derivative of a simulation: draws that explain the data better than others draw the guide to them."""
    n, size = len(next(iter(data.values()))), problem.size
    generator = torch.Generator().manual_seed(seed)
    mean = torch.zeros(n, size, requires_grad=True)
    below = torch.zeros(n, size, size, requires_grad=True)
    log_diagonal = torch.full((n, size), -0.5, requires_grad=True)
    optimiser = torch.optim.Adam([mean, below, log_diagonal], lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, RATE / 20)
    repeated = {name: values.repeat(draws, *(1,) * (values.dim() - 1)) for name, values in data.items()}

    def guide() -> torch.distributions.MultivariateNormal:
        return torch.distributions.MultivariateNormal(
            mean, scale_tril=torch.tril(below, -1) + torch.diag_embed(log_diagonal.exp())
        )

    for step in range(steps):
        with torch.no_grad():
            now = guide()
            z = now.loc + (now.scale_tril @ torch.randn(draws, n, size, 1, generator=generator)).squeeze(-1)
            joint = problem.log_joint(z.reshape(-1, size), repeated, replicate_seed(seed, step)).reshape(draws, n)
            reward = joint.float() - now.log_prob(z)
            advantage = (reward - reward.mean(0)) * (draws / (draws - 1))  # less the mean of the others
        optimiser.zero_grad()
        (-(advantage * guide().log_prob(z)).mean(0).sum()).backward()
        torch.nn.utils.clip_grad_norm_([mean, below, log_diagonal], 100.0)
        optimiser.step()
        schedule.step()
    return torch.distributions.MultivariateNormal(guide().loc.detach(), scale_tril=guide().scale_tril.detach())
