"""Forecasts of gradient calibration: networks trained through the simulation on the weeks before the origin."""

import functools
from collections.abc import Callable
from typing import Any

import pyro
import torch

from case_studies.ma_counties.counties import Counties
from case_studies.ma_counties.inputs import HORIZON
from case_studies.ma_counties.model import DISPERSION, epidemic, people_of
from case_studies.ma_counties.networks import EveryCounty, SharedNetwork
from case_studies.ma_counties.prior import REPORT_13, log_prior, mobility
from case_studies.weekly_reports import weekly
from causal_lpm import observed
from causal_lpm.agents import negative_binomial
from causal_lpm.inference import point_calibration

__all__ = ["METHODS", "forecast"]

# Name -> the network, and whether its outputs have the density of the prior. GradABM as published has none.
METHODS: dict[str, tuple[Callable[[int, int], torch.nn.Module], bool]] = {
    "c-GradABM": (EveryCounty, False),
    "dc-GradABM": (SharedNetwork, False),
    "dc-GradABM, with the prior": (SharedNetwork, True),
}

AGENTS = 400  # a county; under MeanField they are probabilities, and age groups of a few agents are enough
STEPS, LEARNING_RATE = 100, 0.02


def forecast(counties: Counties, method: str, seed: int, steps: int = STEPS, agents: int = AGENTS) -> torch.Tensor:
    """Expected deaths of the four weeks that follow, `[counties, horizon]`.

    Args:
        counties: What is known at the origin, nothing after it.
        method: A key of `METHODS`.
        seed: Of the networks' first weights and of the daily contacts.
        steps: Of the optimiser.
        agents: A county.
    """
    weeks = counties.deaths.shape[1]
    signals = counties.standardised()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        make, prior = METHODS[method]
        network = make(len(counties.names), signals.shape[-1])
    program = functools.partial(_program, network, prior, counties, signals, agents)
    point = point_calibration(
        functools.partial(program, weeks),
        {"deaths": counties.deaths},
        steps=steps,
        learning_rate=LEARNING_RATE,
        seed=seed,
    )
    series: torch.Tensor = point.run(functools.partial(program, weeks + HORIZON))["deaths"]
    return series[:, 0, -HORIZON:].float()


def _program(
    network: torch.nn.Module, prior: bool, counties: Counties, signals: torch.Tensor, agents: int, weeks: int
) -> dict[str, Any]:
    """The Pyro program: parameters from the network, the epidemic of all counties side by side, weekly deaths."""
    pyro.module("network", network)
    ahead = signals.shape[1] + HORIZON
    relative, initial, fatality = network(signals, ahead)
    if prior:
        pyro.factor("prior", log_prior(relative.log(), initial, fatality))  # of the weeks to come too
    reproduction = REPORT_13.centre(mobility(counties, ahead)) * relative
    people, persons = _ages(counties.persons, agents), counties.persons.sum(-1, keepdim=True)
    run = epidemic(people, persons, reproduction[..., :weeks], initial, fatality)
    deaths = weekly(run.tallies["deaths"])
    observed("deaths", negative_binomial(deaths, DISPERSION).to_event(1))
    return {"deaths": deaths}


def _ages(persons: torch.Tensor, agents: int) -> torch.Tensor:
    return torch.stack([people_of(own, agents)["age"] for own in persons])
