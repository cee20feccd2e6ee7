"""The task "sir" of sbibm: an epidemic in a million people, seen through ten binomial samples of a thousand.

Lueckmann, Boelts, Greenberg, Goncalves and Macke (2021), Benchmarking simulation-based inference, AISTATS, task T.9.
"""

import math

import pyro
import pyro.distributions as dist
import torch

from causal_lpm import observed

__all__ = ["SITE", "model", "surrogate"]

SITE = "infected"
POPULATION = 1e6
SAMPLE = 1000
INTERVAL = 17  # days between two of ten samples, from day 0 on
SAMPLES = 10


def model(steps_a_day: int = 4) -> dict[str, torch.Tensor]:
    """The task: contact rate and recovery rate a day, log-normal; samples of the infected."""
    beta = pyro.sample("beta", dist.LogNormal(math.log(0.4), 0.5))
    gamma = pyro.sample("gamma", dist.LogNormal(math.log(0.125), 0.2))
    share = shares(beta, gamma, steps_a_day)
    observed(SITE, dist.Binomial(SAMPLE, share.clamp(1e-12, 1 - 1e-7)).to_event(1))
    return {"share": share}


def surrogate() -> dict[str, torch.Tensor]:
    """The same in steps of a day: near enough to say where a posterior lies, and four times cheaper."""
    return model(steps_a_day=1)


def shares(beta: torch.Tensor, gamma: torch.Tensor, steps_a_day: int) -> torch.Tensor:
    """Share infectious on the days of the samples, `[..., 10]`, by Runge-Kutta steps of fourth order."""
    h = 1 / steps_a_day
    infectious = torch.full_like(beta * gamma, 1 / POPULATION)
    susceptible = 1 - infectious

    def rates(s: torch.Tensor, i: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        infections = beta * s * i
        return -infections, infections - gamma * i

    found = [infectious]
    for _ in range(SAMPLES - 1):
        for _ in range(INTERVAL * steps_a_day):
            s1, i1 = rates(susceptible, infectious)
            s2, i2 = rates(susceptible + h / 2 * s1, infectious + h / 2 * i1)
            s3, i3 = rates(susceptible + h / 2 * s2, infectious + h / 2 * i2)
            s4, i4 = rates(susceptible + h * s3, infectious + h * i3)
            susceptible = susceptible + h / 6 * (s1 + 2 * s2 + 2 * s3 + s4)
            infectious = infectious + h / 6 * (i1 + 2 * i2 + 2 * i3 + i4)
        found.append(infectious)
    return torch.stack(found, -1)
