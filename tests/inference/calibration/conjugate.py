"""Models whose posteriors are known, for tests of calibration."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import torch

from causal_lpm import observed
from causal_lpm.inference.posteriors.neural import Training
from causal_lpm.inference.program.program import Model

DATA = [1.0, 2.0, 1.5, 0.5, 1.2, 0.8]
SMALL = Training(hidden=16, transforms=2, epochs=60, learning_rate=5e-3)


def _normal(days: int, centre: float, width: float, noise: float) -> dict[str, torch.Tensor]:
    mean = pyro.sample("mean", dist.Normal(centre, width))
    expected = mean[..., None].expand(*mean.shape, days)
    observed("x", dist.Normal(expected, noise).to_event(1))
    return {"expected": expected}


def normal(days: int = 6, centre: float = 0.0, width: float = 2.0, noise: float = 1.0) -> Model:
    """Days of normal numbers around an unknown mean."""
    return partial(_normal, days, centre, width, noise)


def exact(x: Any, width: float = 2.0, noise: float = 1.0) -> tuple[Any, float]:
    """Mean `[n]` and standard deviation of the posterior of `normal` given data `[n, days]`, NaN where missing."""
    known = np.atleast_2d(np.asarray(x, dtype=float))
    days = int((~np.isnan(known[0])).sum())
    variance = 1 / (1 / width**2 + days / noise**2)
    return variance * np.nansum(known, -1) / noise**2, float(np.sqrt(variance))


def line(times: Sequence[float] = (0.0, 1.0, 2.0, 3.0)) -> None:
    """A regression: two unknowns whose posterior is correlated."""
    level, slope = pyro.sample("level", dist.Normal(0.0, 2.0)), pyro.sample("slope", dist.Normal(0.0, 1.0))
    observed("x", dist.Normal(level[..., None] + slope[..., None] * torch.tensor(list(times)), 0.5).to_event(1))


def exact_line(x: Any, times: Sequence[float] = (0.0, 1.0, 2.0, 3.0)) -> tuple[Any, Any]:
    """Mean `[n, 2]` and covariance of the posterior of `line`."""
    design = np.stack([np.ones(len(times)), np.asarray(times)], 1)
    covariance = np.linalg.inv(np.diag([1 / 4, 1.0]) + design.T @ design / 0.25)
    return np.asarray(x) @ design / 0.25 @ covariance, covariance


def everything() -> None:
    """Priors of all supports, a plate, a prior that depends on another parameter, and two data sites."""
    scale = pyro.sample("scale", dist.LogNormal(0.5, 0.4))
    share = pyro.sample("share", dist.Beta(2.0, 3.0))
    with pyro.plate("regions", 2):
        level = pyro.sample("level", dist.Uniform(torch.tensor([0.0, 5.0]), torch.tensor([1.0, 9.0])))
    mixture = pyro.sample("mixture", dist.Dirichlet(torch.tensor([2.0, 3.0, 4.0])))
    below = pyro.sample("below", dist.Normal(scale, 0.5))
    rate = scale * (1 + share) + level.sum(-1, keepdim=level.dim() > 1)
    if not rate.dim():
        rate, below, mixture = rate[None], below[None], mixture[None]
    means = torch.stack([rate, rate + mixture[..., 0].reshape(rate.shape), 2 * rate], -1)
    observed("counts", dist.Poisson(means).to_event(1))
    observed(
        "level_seen",
        dist.Normal(below[..., None].expand(*below.shape, 4), scale.reshape(below.shape)[..., None]).to_event(1),
    )


EVERYTHING = {"counts": [4.0, 9.0, 7.0], "level_seen": [1.0, 2.0, 0.5, 1.5]}
