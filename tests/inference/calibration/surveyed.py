"""A mean that a survey and a simulation report, with as many nuisances as are asked for: the posterior is known."""

from functools import partial
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import torch

from causal_lpm import observed, policy, rollout, tally
from causal_lpm.inference.program.program import Model

DAYS = 4
Y = np.array([[1.2, -0.5, 2.0, 1.0]])
NOISE = 2.0  # of a day


def _surveyed(answers: int, nuisances: bool, after: bool) -> Any:
    mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
    asked = mean[..., None].expand(*mean.shape, answers)
    if nuisances:
        with pyro.plate("people", answers):
            own = pyro.sample("own", dist.Normal(0.0, 1.0), infer={"nuisance": True})
        asked = asked + (own[..., None, :] if own.dim() > 1 else own)
    told = dist.Normal(asked, 1.0).to_event(1)
    if not after:
        observed("survey", told)

    def day(s: Any) -> Any:
        tally("x", s["x"] + s["more"])
        return s

    run = rollout(day, {"x": mean if mean.dim() else mean.expand(1), "more": policy("more", 0.0)}, DAYS)
    observed("y", dist.Normal(run.tallies["x"].float(), NOISE).to_event(1))
    if after:
        observed("survey", told)
    return run


def surveyed(answers: int = 2, nuisances: bool = False, after: bool = False) -> Model:
    """Answers of people about the mean, each with a bias of its own if there are nuisances."""
    return partial(_surveyed, answers, nuisances, after)


def answers_of(count: int, seed: int = 0) -> Any:
    """Answers around 1, float64 `[count]`."""
    return 1.0 + np.random.default_rng(seed).normal(size=count) * 2**0.5


def exact(survey: Any, nuisances: bool = False, days: int = DAYS) -> tuple[float, float]:
    """Mean and standard deviation of the posterior of `mean`, given the survey and the first days of `Y`."""
    variance = 2.0 if nuisances else 1.0
    precision = 1 + len(survey) / variance + days / NOISE**2
    return float((survey.sum() / variance + Y[0, :days].sum() / NOISE**2) / precision), precision**-0.5


def tensor(values: Any) -> torch.Tensor:
    """As the model's numbers."""
    return torch.as_tensor(values, dtype=torch.float32)
