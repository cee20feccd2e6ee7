"""The task "lotka_volterra" of sbibm: hares and lynxes over twenty years, counted ten times with log-normal error.

Lueckmann, Boelts, Greenberg, Goncalves and Macke (2021), Benchmarking simulation-based inference, AISTATS, task T.10.
"""

import pyro
import pyro.distributions as dist
import torch

from causal_lpm import observed

__all__ = ["SITE", "model", "surrogate"]

SITE = "animals"
START = (30.0, 1.0)  # prey and predators
INTERVAL = 2.1  # years between two of ten counts, from year 0 on
COUNTS = 10
ERROR = 0.1  # sd of the log of a count
LEAST = 1e-10


def model(steps: int = 42) -> dict[str, torch.Tensor]:
    """The task: growth and death rates of both, log-normal; counts `[2, 10]`, prey first."""
    rate, contact = dist.LogNormal(-0.125, 0.5), dist.LogNormal(-3.0, 0.5)
    priors = {"alpha": rate, "beta": contact, "gamma": rate, "delta": contact}  # in the order of the reference draws
    a, b, c, d = (pyro.sample(name, prior) for name, prior in priors.items())
    counts = trajectories(a, b, c, d, steps)
    observed(SITE, dist.LogNormal(counts.clamp(LEAST, 1e4).log(), ERROR).to_event(1))
    return {"animals": counts}


def surrogate() -> dict[str, torch.Tensor]:
    """The same in larger steps."""
    return model(steps=14)


def trajectories(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor, d: torch.Tensor, steps: int) -> torch.Tensor:
    """Prey and predators at the counts, `[..., 2, 10]`, by Runge-Kutta steps of fourth order in logarithms."""
    h = INTERVAL / steps
    zero = torch.zeros_like(torch.atleast_1d(a + b + c + d))
    x, y = zero + torch.tensor(START[0]).log(), zero + torch.tensor(START[1]).log()

    def rates(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return a - b * y.clamp(max=20.0).exp(), d * x.clamp(max=20.0).exp() - c

    found = [(x, y)]
    for _ in range(COUNTS - 1):
        for _ in range(steps):
            x1, y1 = rates(x, y)
            x2, y2 = rates(x + h / 2 * x1, y + h / 2 * y1)
            x3, y3 = rates(x + h / 2 * x2, y + h / 2 * y2)
            x4, y4 = rates(x + h * x3, y + h * y3)
            x = x + h / 6 * (x1 + 2 * x2 + 2 * x3 + x4)
            y = y + h / 6 * (y1 + 2 * y2 + 2 * y3 + y4)
        found.append((x, y))
    prey, predators = (torch.stack(series, -1) for series in zip(*found, strict=True))
    return torch.cat([prey, predators], -2).exp()
