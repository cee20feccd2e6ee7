"""The outbreak among the agents, day by day: a Pyro program; its policy is who gets doses."""

from collections.abc import Mapping

import torch

from case_studies.new_zealand.allocations import Plan, cell_of, planned
from case_studies.new_zealand.contacts import random_contacts
from case_studies.new_zealand.covid_calendar import BOUNDARY_OPENS, SEEN, changes, day_of, schools_open
from case_studies.new_zealand.covid_parameters import INFECTIOUS, LATENT, PRIORS, REPORTED, SEEDED
from case_studies.new_zealand.covid_question import POLICIES
from case_studies.new_zealand.covid_reaction import contacts_left, region_of, reported_lately
from case_studies.new_zealand.covid_reports import AGES, expected, fitted_sites
from case_studies.new_zealand.covid_spread import flat, receptiveness
from case_studies.new_zealand.districts import DISTRICTS, ETHNICITIES
from case_studies.new_zealand.doses import UNWILLING, uptake
from case_studies.new_zealand.people import Country
from case_studies.priors import sampled
from causal_lpm import State, allocate, event, exogenous, exposure, look_up, observed, policy, rollout, tally
from causal_lpm.agents import negative_binomial

__all__ = ["outbreak"]

NEVER = 20_000
MIXING_AGES = (0, 10, 20, 40, 65)
"""The first age of each group whose contacts outside are told apart."""
HISTORY, GROWTH = 14, 0.2
"""Days before 18 August on which people had been infected, and how fast they grew, a day: an assumption."""
EFFECTIVE = (14, 7)
"""Days from a first and from a second dose until it protects."""
AREAS = len(DISTRICTS) * len(ETHNICITIES)


def outbreak(country: Country, days: int = SEEN) -> dict[str, torch.Tensor]:
    """The outbreak from 18 August 2021: parameters from their priors, doses, infections, reports.

    Policies: `allocation`, a number of `covid_question.RULES`, and `boundary_stays`.

    Args:
        country: Agents.
        days: Simulated, at least the 105 that are fitted.

    Returns:
        Persons a day that are expected, `[*dims, groups, days]`: `infections` by ethnicity, `cases` by district,
        `admissions` by age, `admitted` by ethnicity.
    """
    p = sampled(PRIORS)
    acts = {name: policy(name, each.default) for name, each in POLICIES.items()}
    people, size, plan = country.people, country.people.size, planned(country)
    classes, cell = uptake(country), cell_of(country)
    age, region = (people["age"].int() // 10).clamp(max=len(AGES) - 1), region_of(people["district"])
    cohort = age * AREAS + cell
    outside = random_contacts(country, MIXING_AGES)
    per_contact = 1 / (country.per_person(outside.degree()) * INFECTIOUS.mean())
    closed = outside.scaled(across=p["boundary"])
    opens = day_of(BOUNDARY_OPENS)
    stays = outside.scaled(across=torch.where(acts["boundary_stays"] > 0, p["boundary"], 1.0))
    latent = LATENT.draw(exogenous("latent", size, "uniform"))
    recovered = latent + INFECTIOUS.draw(exogenous("infectious", size, "uniform"))
    isolated = REPORTED.draw(exogenous("report", size, "uniform"))
    isolated = torch.where(exogenous("found", size, "uniform") < p["ascertainment"], isolated, 255)
    steps = {day: step for step, day in enumerate(plan.day) if 0 <= day < days}
    renewed = changes(days) | frozenset(steps)
    seeds = _seeds(country, p)

    def day(s: State) -> State:
        today = int(s["t"])
        first = s["first"]
        if today in steps:
            first = _dosed("dose", plan, steps[today], first, classes, cell, acts["allocation"])
        guard, factors = s["guard"], {name: s[name] for name in ("at_home", "at_school", "outside", "sends", "meets")}
        if today in renewed:
            guard = look_up(_protection(plan, today), first)
            factors = receptiveness(p, per_contact, today, days, guard, age, cell)
        since = today - s["infected_on"]
        infectious = (since >= latent) & (since < recovered)
        since_report = since - isolated
        free = infectious & (since_report < 0)
        network = closed if today < opens else stays
        left = contacts_left(p["reaction"], reported_lately(since_report, region))
        outside_now = factors["outside"] * look_up(flat(left[..., None, :]), region)
        hazard = factors["at_home"] * exposure(country.home, torch.where(infectious, factors["sends"], 0.0))
        if bool(schools_open(days)[:, today].any()):
            pupils = exposure(country.school, torch.where(free, factors["sends"], 0.0))
            hazard = hazard + factors["at_school"] * pupils
        hazard = hazard + outside_now * exposure(network, torch.where(free, factors["meets"], 0.0))
        infected = event("infection", hazard, where=s["infected_on"] == NEVER)
        for doses in range(3):
            tally(f"infected_{doses}", infected & (guard == doses), cohort, groups=len(AGES) * AREAS)
        infected_on = torch.where(infected, today, s["infected_on"]).short()
        return {**s, **factors, "infected_on": infected_on, "first": first, "guard": guard}

    first = torch.full((size,), UNWILLING, dtype=torch.uint8)
    for step, when in enumerate(plan.day):
        if when < 0:
            first = _dosed(f"dose_{step}", plan, step, first, classes, cell, acts["allocation"])
    state = {"infected_on": _infected_before(country, seeds), "first": first, "guard": torch.zeros_like(first)}
    state |= dict.fromkeys(("at_home", "at_school", "outside", "sends", "meets"), torch.zeros(1)) | acts
    tallies = rollout(day, state, days).tallies
    infections = torch.stack([tallies[f"infected_{doses}"] for doses in range(3)], -3).float()
    infections = infections.unflatten(-2, (len(AGES), len(DISTRICTS), len(ETHNICITIES)))
    series = expected(torch.cat([_before(country, seeds, infections), infections], -1), p, country.weight)
    series = {name: values[..., HISTORY:] for name, values in series.items()}
    for name, mean in fitted_sites(series).items():
        observed(name, negative_binomial(mean, p["dispersion"][..., None]).to_event(1))
    return series


def _dosed(
    name: str,
    plan: Plan,
    step: int,
    first: torch.Tensor,
    classes: torch.Tensor,
    cell: torch.Tensor,
    allocation: torch.Tensor,
) -> torch.Tensor:
    """The step of everybody's first dose, after those of this one were given."""
    order = look_up(plan.order[step], classes)
    asking = torch.where(first == UNWILLING, order, 256)
    got = allocate(name, asking, plan.stock[:, step][allocation.long()[..., 0]], by=cell)
    return torch.where(got, step, first).to(torch.uint8)


def _protection(plan: Plan, today: int) -> torch.Tensor:
    """How many doses protect whoever had the first in each step, uint8 `[256]`."""
    table = torch.zeros(256, dtype=torch.uint8)
    for step, (when, after) in enumerate(zip(plan.day, plan.second_after, strict=True)):
        table[step] = (today >= when + EFFECTIVE[0]) + (today >= when + after + EFFECTIVE[1])
    return table


def _seeds(country: Country, p: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Agents infected before 18 August by district, whole numbers `[*dims, 20]`."""
    wanted = torch.zeros(*torch.broadcast_shapes(*(p[name].shape for name in SEEDED))[:-1], len(DISTRICTS))
    for name, district in SEEDED.items():
        wanted[..., district] = p[name][..., 0]
    luck = exogenous("rounding", 1, "uniform", slots=len(DISTRICTS))[..., 0, :]
    return (wanted / country.weight + luck).floor()


def _infected_before(country: Country, seeds: torch.Tensor) -> torch.Tensor:
    """The day of infection of everybody, int16 `[*dims, agents]`."""
    everybody = torch.zeros(country.people.size, dtype=torch.uint8)
    chosen = allocate("seeds", everybody, seeds, by=country.people["district"].int())
    ago = 1 + (exogenous("infected_ago", country.people.size) / GROWTH).floor().clamp(max=HISTORY - 1)
    return torch.where(chosen, -ago, NEVER).short()


def _before(country: Country, seeds: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """The agents who were expected to be infected on each day before 18 August, as `like` has those of later days.

    They are of all ages and ethnicities as their district is, and count as unvaccinated, which most were.
    """
    people = country.people
    group = (people["age"].long() // 10).clamp(max=len(AGES) - 1) * AREAS + cell_of(country)
    counted = torch.bincount(group, minlength=len(AGES) * AREAS).float()
    counted = counted.unflatten(0, (len(AGES), len(DISTRICTS), len(ETHNICITIES)))
    shares = counted / counted.sum((0, 2), keepdim=True)
    ago = torch.arange(HISTORY, 0, -1.0)
    by_day = torch.exp(-GROWTH * (ago - 1)) * torch.where(ago < HISTORY, 1 - torch.exp(torch.tensor(-GROWTH)), 1.0)
    whom = (seeds[..., None, :, None] * shares)[..., None] * by_day
    none = torch.zeros_like(whom)
    return torch.stack([whom, none, none], -5).expand(*like.shape[:-1], HISTORY)
