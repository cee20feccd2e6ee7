"""Calibrations that are quick: a normal mean, whose posterior is known, and counts in two groups."""

import pyro
import pyro.distributions as dist
import torch

from causal_lpm import observed
from causal_lpm.inference import ModelStudy

DAYS = 6


def mean() -> dict[str, torch.Tensor]:
    value = pyro.sample("mean", dist.Normal(0.0, 1.0)).unsqueeze(-1)
    observed("x", dist.Normal(value.expand(*value.shape[:-1], DAYS), 1.0).to_event(1))
    return {"level": value.expand(*value.shape[:-1], DAYS)}


def counts() -> dict[str, torch.Tensor]:
    rate = pyro.sample("rate", dist.LogNormal(1.0, 0.5))
    size = torch.tensor([1.0, 3.0])[:, None].expand(2, DAYS)
    level = rate.reshape(*rate.shape, 1).expand(*rate.shape[:-1], 2, DAYS) if rate.dim() else rate.expand(2, DAYS)
    observed("cases", dist.Poisson(level * size).to_event(1))
    return {"level": level}


def breaking() -> None:
    """Fails in every simulation of a draw, but not in the first look at the model."""
    value = pyro.sample("mean", dist.Normal(0.0, 1.0))
    if value.dim():
        raise ZeroDivisionError("no agents are left")
    observed("x", dist.Normal(value.expand(DAYS), 1.0).to_event(1))


def interrupting() -> None:
    value = pyro.sample("mean", dist.Normal(0.0, 1.0))
    if value.dim() and len(value) > 20:
        raise KeyboardInterrupt
    value = value.unsqueeze(-1)
    observed("x", dist.Normal(value.expand(*value.shape[:-1], DAYS), 1.0).to_event(1))


def needy(population: int) -> None:
    """Takes an argument."""


NOTHING = 3
normal = ModelStudy("normal", "The mean of six numbers", "made up", mean, lambda: {"x": [1.0] * DAYS}, budget=40)
towns = ModelStudy(
    "towns", "Counts of two towns", "made up", counts, lambda: {"cases": [[3.0] * DAYS, [9.0] * DAYS]},
    group_labels=("north", "south"), start_date="2020-03-01",
)  # fmt: skip
