"""Forecasts of svi+npe: one ensemble of neural posteriors a forecast week, amortised over the counties.

A county is rescaled to a standard one of half a million people, so that simulations of the standard county serve all
ten. They are made once, over all weeks; for each origin they are cut to the weeks seen, SVI summarises each, and an
ensemble of sbi's NPE learns the posterior from the summaries. Its draws are then weighted by the surrogate.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyro
import torch

from case_studies.ma_counties.counties import Counties
from case_studies.ma_counties.importance import population_monte_carlo
from case_studies.ma_counties.inputs import FATALITY, HORIZON, SUSCEPTIBILITY
from case_studies.ma_counties.model import DISPERSION, epidemic, ode, people_of
from case_studies.ma_counties.prior import FATALITY_SCALE, INITIAL, REPORT_13, WIDE, Transmission, mobility
from case_studies.weekly_reports import weekly
from causal_lpm import observed
from causal_lpm.agents import negative_binomial
from causal_lpm.inference import Frame, Problem, fit_guides, train_npe

__all__ = ["METHODS", "Forecast", "Standard", "forecast", "simulate"]

METHODS: dict[str, Transmission] = {"svi+npe": REPORT_13, "svi+npe, wide prior": WIDE}

PERSONS = 500_000.0
INTERVALS = (0.5, 0.9)
REACH = 6.0  # standard deviations of the prior, beyond which nothing is looked for


@dataclass(frozen=True)
class Standard:
    """A county of half a million people in the age structure of all ten, and what is assumed of R_t there.

    Attributes:
        ages: Age group of each agent.
        death_share: Infection fatality of the average infected person.
        moving: Mobility by week as it came, `[weeks]`; forecasts see it until their origin only.
        transmission: The prior of R_t.
    """

    ages: torch.Tensor
    death_share: float
    moving: torch.Tensor
    transmission: Transmission

    @classmethod
    def of(cls, counties: Counties, agents: int, transmission: Transmission = REPORT_13) -> "Standard":
        """The standard county of these."""
        ages = people_of(counties.persons.sum(0), agents)["age"]
        infected = torch.tensor(SUSCEPTIBILITY)[ages]  # in proportion to susceptibility, early in an epidemic
        share = float((infected * torch.tensor(FATALITY)[ages]).sum() / infected.sum())
        return cls(ages, share, mobility(counties, counties.deaths.shape[1]), transmission)


@dataclass(frozen=True)
class Forecast:
    """What svi+npe says of the weeks to come.

    Attributes:
        median: `[counties, horizon]`, persons.
        low, high: interval probability -> its ends, each `[counties, horizon]`.
        effective: Effective number of the weighted draws, `[counties]`.
        coverage: what -> interval probability -> the share inside their interval, over held-out simulations with
            deaths: their parameters by the `ensemble` alone and by the `weighted` draws, the deaths of the weeks
            `ahead`.
    """

    median: torch.Tensor
    low: dict[float, torch.Tensor]
    high: dict[float, torch.Tensor]
    effective: torch.Tensor
    coverage: dict[str, dict[float, float]]

    def ends(self) -> dict[str, dict[float, torch.Tensor]]:
        """The ends of the intervals by name."""
        return {"low": self.low, "high": self.high}


def _rates(
    values: Mapping[str, torch.Tensor], transmission: Transmission, moving: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """R_t by week `[*dims, weeks]`; share exposed and relative fatality `[*dims, 1]`."""
    initial, fatality = (torch.atleast_1d(values[name]) for name in ("initial", "fatality"))
    return transmission.by_week(values, moving), initial, fatality


def _parameters(standard: Standard, moving: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The priors as Pyro sites, and what they make of R_t."""
    sites = {**standard.transmission.sites(len(moving)), "initial": INITIAL, "fatality": FATALITY_SCALE}
    values = {name: pyro.sample(name, prior) for name, prior in sites.items()}
    return _rates(values, standard.transmission, moving)


def _agents(standard: Standard, moving: torch.Tensor) -> dict[str, Any]:
    """The agent model of the standard county, weekly deaths by simulation."""
    run = epidemic(standard.ages, PERSONS, *_parameters(standard, moving))
    return _seen(weekly(run.tallies["deaths"]))


def _equations(standard: Standard, moving: torch.Tensor) -> dict[str, Any]:
    """Its surrogate: difference equations, differentiable and cheap."""
    return _seen(weekly(ode(PERSONS, standard.death_share, *_parameters(standard, moving)))[..., None, :])


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
    proposals: int = 1000,
) -> Forecast:
    """The posterior of every county given what is known, and deaths of the four weeks that follow.

    Draws of the ensemble are where population Monte Carlo begins: its weights say how well the surrogate's course fits
    the weeks seen. Without them a forecast would begin anywhere: the luck of the first infections is past, and a
    simulation draws it anew.

    Args:
        standard: The standard county.
        counties: What is known at the origin.
        drawn: Parameters of the simulations, over all weeks and the horizon after the last origin.
        simulated: Their deaths.
        seed: Of everything random.
        steps: Of SVI.
        members: Of the ensemble.
        held_out: Simulations that do not train and measure the coverage.
        draws: Of the posterior, for the forecast.
        proposals: Draws of the ensemble.
    """
    seen = counties.deaths.shape[1]
    problem = _problem(standard, seen)
    known = {p.name: drawn[p.name][:, : p.event[0]] if p.event else drawn[p.name] for p in problem.parameters}
    z = problem.unconstrain(known).float()
    sets = torch.cat([simulated[:, :seen], _rescaled(counties)])
    guides = fit_guides(problem, {"deaths": sets.reshape(len(sets), *problem.data["deaths"].values.shape)}, steps=steps)
    features, training = guides.features, slice(held_out, len(z))
    frame = Frame(problem.size, guided=True)
    ensemble = train_npe(z[training], features[training], frame=frame, members=members, seed=seed)

    # Simulations without a death say nothing of R_t: the check is about those with some, as in the counties.
    checked = torch.nonzero(sets[:held_out].sum(-1) > 0)[:, 0]
    asked = torch.cat([checked, torch.arange(len(z), len(sets))])
    proposed = ensemble.sample(proposals, features[asked], seed + 1)
    log_proposal = ensemble.log_prob(proposed, features[asked])
    weighted = [
        population_monte_carlo(
            functools.partial(_log_joint, problem, own), proposed[:, k], log_proposal[:, k], seed=seed
        )
        for k, own in enumerate(sets[asked])
    ]
    chosen = torch.stack([found.resample(draws, seed) for found in weighted], 1)
    held = len(checked)
    persons = torch.cat([torch.full((held,), PERSONS), counties.persons.sum(-1)])
    deaths = _ahead(standard, problem, chosen, mobility(counties, seen + HORIZON), persons, seed)
    ends = {p: deaths.quantile(torch.tensor([(1 - p) / 2, (1 + p) / 2]).double(), 0) for p in INTERVALS}
    low, high = ({p: pair[end] for p, pair in ends.items()} for end in (0, 1))

    truth, came = z[checked], simulated[checked, seen : seen + HORIZON]
    inside = {p: (low[p][:held] <= came) & (came <= high[p][:held]) for p in INTERVALS}
    return Forecast(
        median=deaths[:, held:].median(0).values.float(),
        low={p: end[held:] for p, end in low.items()},
        high={p: end[held:] for p, end in high.items()},
        effective=torch.stack([found.effective for found in weighted[held:]]),
        coverage={
            "ensemble": _coverage(proposed[:, :held], truth),
            "weighted": _coverage(chosen[:, :held], truth),
            "ahead": {p: float(share.double().mean()) for p, share in inside.items()},
        },
    )


def _log_joint(problem: Problem, deaths: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """Log p(deaths, z) under the surrogate, `[n]`."""
    near = (z.abs() < REACH).all(-1)
    data = deaths.reshape(1, *problem.data["deaths"].values.shape)
    with torch.no_grad():
        joint = problem.log_joint(z.clamp(-REACH, REACH), {"deaths": data.expand(len(z), *data.shape[1:])})
    return torch.where(near, joint, -torch.inf)


def _ahead(
    standard: Standard,
    problem: Problem,
    posterior: torch.Tensor,
    moving: torch.Tensor,
    persons: torch.Tensor,
    seed: int,
) -> torch.Tensor:
    """Deaths of the weeks to come: the surrogate's course and the scatter of reports.

    Args:
        standard: The standard county.
        problem: Of the weeks seen.
        posterior: `[draws, places, size]`.
        moving: Mobility in the weeks seen and those to come.
        persons: In each place, `[places]`.
        seed: Of the steps of R_t to come and the scatter.

    Returns:
        `[draws, places, horizon]`.
    """
    draws, places, _ = posterior.shape
    walk, seen = standard.transmission, len(moving) - HORIZON
    values = problem.constrain(posterior.flatten(0, 1))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        later = walk.blocks(len(moving)) - walk.blocks(seen)
        unseen = walk.block_step * torch.randn(draws * places, later)
        values["steps"] = torch.cat([values["steps"], unseen], -1)
        values = {name: value[:, None] for name, value in values.items()}
        course = weekly(ode(PERSONS, standard.death_share, *_rates(values, walk, moving)))[:, seen:]
        expected = course.reshape(draws, places, HORIZON) * (persons / PERSONS)[:, None]
        return torch.as_tensor(negative_binomial(expected, DISPERSION).sample())


def _coverage(posterior: torch.Tensor, truth: torch.Tensor) -> dict[float, float]:
    """The share of parameters inside the posterior's central intervals, over simulations and parameters."""
    rank = (posterior < truth).double().mean(0)
    return {p: float(((rank - 0.5).abs() <= p / 2).double().mean()) for p in INTERVALS}


def _rescaled(counties: Counties) -> torch.Tensor:
    """Deaths as they would be among the standard county's people, whole numbers `[counties, weeks]`."""
    return (counties.deaths * PERSONS / counties.persons.sum(-1, keepdim=True)).round().double()
