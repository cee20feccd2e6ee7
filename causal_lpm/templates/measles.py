"""Measles: immunity by age, doses and mothers; schools that close for holidays; a campaign for the unvaccinated."""

import torch

from causal_lpm import Rollout, State, allocate, event, rollout, tally
from causal_lpm.agents import in_term, start
from causal_lpm.ops.allocate import CLASSES
from causal_lpm.templates.closures import closures
from causal_lpm.templates.mmr import Mmr
from causal_lpm.templates.needs import TemplatePopulation, by_place, needs
from causal_lpm.templates.parameters import Parameter, leaving, parameter
from causal_lpm.templates.spread import Spread

__all__ = ["UNITS", "measles"]

UNITS = {"infections": "new", "cases": "new", "deaths": "new", "infectious": "stock", "susceptible": "stock"}
SUSCEPTIBLE, EXPOSED, INFECTIOUS, IMMUNE = range(4)  # and 4, dead


def measles(
    population: TemplatePopulation,
    days: int,
    *,
    r0: Parameter = 15.0,
    latent_days: Parameter = 8.0,
    infectious_days: Parameter = 8.0,
    mmr_1: Parameter = 0.90,
    mmr_2: Parameter = 0.85,
    adults_immune: Parameter = 0.93,
    maternal_days: Parameter = 90.0,
    fatality: Parameter = 0.001,
    initial: Parameter = 3,
    day_of_year: int = 1,
) -> Rollout:
    """A measles outbreak among people of all ages, with MMR by age, schools, holidays and maternal protection.

    Args:
        population: With `age` in years and a network `school`.
        days: Simulated.
        r0: Infections by one infectious agent with the average number of contacts, if all others were susceptible.
        latent_days: Mean days from infection to infectiousness, at least 1.
        infectious_days: Mean days of infectiousness, at least 1.
        mmr_1: Share of children who have a first dose of MMR, on their first birthday.
        mmr_2: Share of children who have a second dose, from 5 years on.
        adults_immune: Share of those from 18 to 49 who are immune; all older ones are.
        maternal_days: Mean days for which newborns are protected by their mothers.
        fatality: Share of cases that dies.
        initial: Susceptible agents that are exposed when the simulation begins.
        day_of_year: Which day of the year day 0 is, for holidays.

    Returns:
        Series by place: new `infections`, `cases` and `deaths`, and the stocks `infectious` and `susceptible`.
    """
    needs(population, columns=["age"], networks=["school"])
    spread, people = Spread(population), population.people
    latent, lasts = parameter("latent_days", latent_days, 1), parameter("infectious_days", infectious_days, 1)
    per_contact = parameter("r0", r0) / (lasts * spread.contacts)
    dies = -torch.log1p(-parameter("fatality", fatality, 0, 0.99))
    mmr = Mmr(people["age"].long(), mmr_1, mmr_2, adults_immune, maternal_days)
    can_be = torch.where(mmr.immune | mmr.protected, CLASSES, 0).to(torch.int16)
    exposed = allocate("initial", can_be, parameter("initial", initial, 0, people.size).round())

    def day(s: State) -> State:
        stage, protected = s["stage"], mmr.maternal.immune(s)
        force = spread.force(s, stage == INFECTIOUS, school=in_term(s["t"], day_0=day_of_year))
        infected = event("infection", per_contact * force, where=(stage == SUSCEPTIBLE) & ~protected)
        falls_ill = event("onset", leaving(latent), where=stage == EXPOSED)
        ends = event("end", leaving(lasts), where=stage == INFECTIOUS)
        died = event("death", dies, where=ends, at_once=True)
        dosed = mmr.dosed(s) & (stage == SUSCEPTIBLE) & ~infected
        stage = torch.where(dosed, IMMUNE, stage + (infected | falls_ill | ends) + died)
        counted = (infected, falls_ill, died, stage == INFECTIOUS, (stage == SUSCEPTIBLE) & ~protected)
        for name, who in zip(UNITS, counted, strict=True):
            tally(name, who, **by_place(population), stock=UNITS[name] == "stock")
        return {**s, "stage": stage}

    stage = torch.where(mmr.immune, IMMUNE, torch.where(exposed, EXPOSED, SUSCEPTIBLE)).to(torch.uint8)
    begin = start(people, **closures(spread.layers), **mmr.start())
    return rollout(day, {**begin, "stage": stage}, days)
