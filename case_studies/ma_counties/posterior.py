"""Forecasts of svi+npe: one ensemble of neural posteriors a forecast week, amortised over the counties.

A county is rescaled to a standard one of half a million people, so that simulations of the standard county serve all
ten. They are made once, over all weeks; for each origin they are cut to the weeks seen, SVI summarises each, and an
ensemble of sbi's NPE learns the posterior from the summaries.
"""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import torch

from case_studies.ma_counties.counties import Counties
from case_studies.ma_counties.inputs import FATALITY, HORIZON, SUSCEPTIBILITY
from case_studies.ma_counties.model import DISPERSION, epidemic, ode, people_of, weekly
from case_studies.ma_counties.prior import (
    FATALITY_SCALE,
    INITIAL,
    MOBILITY_EFFECT,
    REPRODUCTION,
    STEP,
    mobility,
    walk_start,
)
from causal_lpm import observed
from causal_lpm.agents.observation import negative_binomial
from causal_lpm.inference.calibration.posteriors.guides import fit_guides
from causal_lpm.inference.calibration.posteriors.neural import Frame, NeuralPosterior, train_npe
from causal_lpm.inference.calibration.problems.problem import Problem

__all__ = ["Forecast", "Standard", "forecast", "simulate"]

PERSONS = 500_000.0
BLOCK = 4  # weeks over which log R beyond mobility is constant; its steps have the deviation of a walk of as many weeks
INTERVALS = (0.5, 0.9)


@dataclass(frozen=True)
class Standard:
    """A county of half a million people in the age structure of all ten.

    Attributes:
        ages: Age group of each agent.
        death_share: Infection fatality of the average infected person.
        moving: Mobility by week as it came, `[weeks]`; forecasts see it until their origin only.
    """

    ages: torch.Tensor
    death_share: float
    moving: torch.Tensor

    @classmethod
    def of(cls, counties: Counties, agents: int) -> "Standard":
        """The standard county of these."""
        ages = people_of(counties.persons.sum(0), agents)["age"]
        infected = torch.tensor(SUSCEPTIBILITY)[ages]  # in proportion to susceptibility, early in an epidemic
        share = float((infected * torch.tensor(FATALITY)[ages]).sum() / infected.sum())
        return cls(ages, share, mobility(counties, counties.deaths.shape[1]))


@dataclass(frozen=True)
class Forecast:
    """What svi+npe says of the weeks to come.

    Attributes:
        median: `[counties, horizon]`, persons.
        low, high: interval probability -> its ends, each `[counties, horizon]`.
        coverage: interval probability -> the share of parameters of held-out simulations inside their interval.
        effective: Effective number of the ensemble's draws after the weighting, `[counties]`.
    """

    median: torch.Tensor
    low: dict[float, torch.Tensor]
    high: dict[float, torch.Tensor]
    coverage: dict[float, float]
    effective: torch.Tensor

    def ends(self) -> dict[str, dict[float, torch.Tensor]]:
        """The ends of the intervals by name."""
        return {"low": self.low, "high": self.high}


def _parameters(moving: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The priors as Pyro sites, and what they make of R_t."""
    sites = {
        "reproduction": REPRODUCTION,
        "mobility_effect": MOBILITY_EFFECT,
        "initial": INITIAL,
        "fatality": FATALITY_SCALE,
        "steps": _steps(math.ceil(len(moving) / BLOCK)),
    }
    return _rates({name: pyro.sample(name, prior) for name, prior in sites.items()}, moving)


def _steps(blocks: int) -> dist.Independent:
    deviation = torch.full((blocks,), STEP * BLOCK**0.5)
    deviation[0] = float(walk_start().scale)
    steps: dist.Independent = dist.Normal(torch.zeros(blocks), deviation).to_event(1)
    return steps


def _rates(values: Mapping[str, torch.Tensor], moving: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """R_t by week `[*dims, weeks]`; share exposed and relative fatality `[*dims, 1]`.

    Values without draws are single numbers, those with draws `[draws, 1]` and steps `[draws, 1, blocks]`.
    """
    level, effect, initial, fatality = (
        torch.atleast_1d(values[name]) for name in ("reproduction", "mobility_effect", "initial", "fatality")
    )
    steps = values["steps"].reshape(*level.shape[:-1], -1)
    walk = steps.cumsum(-1).repeat_interleave(BLOCK, -1)[..., : len(moving)]
    return level * torch.exp(effect * moving + walk), initial, fatality


def _agents(standard: Standard, moving: torch.Tensor) -> dict[str, Any]:
    """The agent model of the standard county, weekly deaths by simulation."""
    run = epidemic(standard.ages, PERSONS, *_parameters(moving))
    return _seen(weekly(run.tallies["deaths"]))


def _equations(standard: Standard, moving: torch.Tensor) -> dict[str, Any]:
    """Its surrogate: difference equations, differentiable and cheap."""
    return _seen(weekly(ode(PERSONS, standard.death_share, *_parameters(moving)))[..., None, :])


def _seen(deaths: torch.Tensor) -> dict[str, Any]:
    observed("deaths", negative_binomial(deaths, DISPERSION).to_event(1))
    return {"deaths": deaths}


def _problem(standard: Standard, weeks: int) -> Problem:
    """The standard county over some weeks; its data are given set by set."""
    moving = standard.moving[:weeks]
    programs = (functools.partial(program, standard, moving) for program in (_agents, _equations))
    return Problem(next(programs), {"deaths": np.zeros(weeks)}, next(programs))


def simulate(
    standard: Standard, weeks: int, budget: int, seed: int, batch: int = 10
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Draws of the prior and the exact agent model's weekly deaths, once for all origins.

    Returns:
        Name -> value of each draw, and deaths `[budget, weeks]` of the standard county.
    """
    problem = _problem(standard, weeks)
    z = problem.draw(budget, seed)
    seeds = torch.arange(budget, dtype=torch.int64) + (seed << 20)
    parts = [
        torch.from_numpy(problem.simulate(z[at], seeds[at]).data["deaths"]).reshape(-1, weeks)
        for at in torch.arange(budget).split(batch)
    ]
    return problem.constrain(z), torch.cat(parts)


def forecast(
    standard: Standard,
    counties: Counties,
    drawn: Mapping[str, torch.Tensor],
    simulated: torch.Tensor,
    seed: int,
    *,
    steps: int = 300,
    members: int = 4,
    held_out: int = 50,
    draws: int = 500,
    proposals: int = 5000,
) -> Forecast:
    """The posterior of every county given what is known, and deaths of the four weeks that follow.

    Draws of the ensemble are resampled by how well the surrogate's course through them fits the weeks seen. Without it
    a forecast would begin anywhere: the luck of the first infections is past, and a simulation draws it anew.

    Args:
        standard: The standard county.
        counties: What is known at the origin.
        drawn: Parameters of the simulations, over all weeks.
        simulated: Their deaths.
        seed: Of everything random.
        steps: Of SVI.
        members: Of the ensemble.
        held_out: Simulations that do not train and measure the coverage.
        draws: A county.
        proposals: Draws of the ensemble, of which `draws` are resampled.
    """
    seen = counties.deaths.shape[1]
    problem = _problem(standard, seen)
    blocks = math.ceil(seen / BLOCK)
    z = problem.unconstrain({**drawn, "steps": drawn["steps"][:, :blocks]}).float()
    sets = torch.cat([simulated[:, :seen], _rescaled(counties)])
    guides = fit_guides(problem, {"deaths": sets.reshape(len(sets), *problem.data["deaths"].values.shape)}, steps=steps)
    features = guides.features
    training = slice(held_out, len(z))
    frame = Frame(problem.size, guided=True)
    ensemble = train_npe(z[training], features[training], frame=frame, members=members, seed=seed)
    coverage = _coverage(ensemble.sample(200, features[:held_out], seed), z[:held_out])
    posterior, effective = _fitting(problem, ensemble, sets[len(z) :], features[len(z) :], proposals, draws, seed)
    return _ahead(standard, counties, problem, posterior, coverage, effective, seed)


def _fitting(
    problem: Problem,
    ensemble: NeuralPosterior,
    data: torch.Tensor,
    features: torch.Tensor,
    proposals: int,
    draws: int,
    seed: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draws `[draws, counties, size]` by sampling importance resampling, and the effective number of proposals."""
    z = ensemble.sample(proposals, features, seed + 1)
    proposed = ensemble.log_prob(z, features)
    chosen, effective = [], []
    generator = torch.Generator().manual_seed(seed)
    shape = problem.data["deaths"].values.shape
    for county, own in enumerate(data):
        repeated = own.reshape(1, *shape).expand(len(z), *shape)
        with torch.no_grad():
            joint = problem.log_joint(z[:, county], {"deaths": repeated})
        weight = torch.softmax((joint - proposed[:, county]).double(), 0)
        effective.append(1 / weight.square().sum())
        at = torch.multinomial(weight, draws, replacement=True, generator=generator)
        chosen.append(z[at, county])
    return torch.stack(chosen, 1), torch.stack(effective)


def _ahead(
    standard: Standard,
    counties: Counties,
    problem: Problem,
    posterior: torch.Tensor,
    coverage: dict[float, float],
    effective: torch.Tensor,
    seed: int,
) -> Forecast:
    """Deaths to come, from draws `[draws, counties, size]`: the surrogate's course and the scatter of reports."""
    draws, places, _ = posterior.shape
    seen = counties.deaths.shape[1]
    values = problem.constrain(posterior.flatten(0, 1))
    moving = mobility(counties, seen + HORIZON)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        later = math.ceil(len(moving) / BLOCK) - values["steps"].shape[-1]
        if later:
            unseen = STEP * BLOCK**0.5 * torch.randn(draws * places, later)
            values["steps"] = torch.cat([values["steps"], unseen], -1)
        values = {name: value[:, None] for name, value in values.items()}
        course = weekly(ode(PERSONS, standard.death_share, *_rates(values, moving)))[:, seen:]
        expected = course.reshape(draws, places, HORIZON) * (counties.persons.sum(-1) / PERSONS)[:, None]
        deaths = negative_binomial(expected, DISPERSION).sample()
    ends = {p: deaths.quantile(torch.tensor([(1 - p) / 2, (1 + p) / 2]).double(), 0) for p in INTERVALS}
    low, high = ({p: pair[end] for p, pair in ends.items()} for end in (0, 1))
    return Forecast(deaths.median(0).values.float(), low, high, coverage, effective)


def _coverage(posterior: torch.Tensor, truth: torch.Tensor) -> dict[float, float]:
    """The share of parameters inside the posterior's central intervals, over simulations and parameters."""
    rank = (posterior < truth).double().mean(0)
    return {p: float(((rank - 0.5).abs() <= p / 2).double().mean()) for p in INTERVALS}


def _rescaled(counties: Counties) -> torch.Tensor:
    """Deaths as they would be among the standard county's people, whole numbers `[counties, weeks]`."""
    return (counties.deaths * PERSONS / counties.persons.sum(-1, keepdim=True)).round().double()
