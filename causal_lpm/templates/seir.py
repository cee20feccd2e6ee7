"""Susceptible, exposed, infectious, recovered or dead, in whatever settings the population has."""

import torch

from causal_lpm import Rollout, State, allocate, event, rollout, tally
from causal_lpm.agents import start
from causal_lpm.templates.closures import closures
from causal_lpm.templates.needs import TemplatePopulation, by_place
from causal_lpm.templates.parameters import Parameter, leaving, parameter
from causal_lpm.templates.spread import Spread

__all__ = ["UNITS", "seir"]

UNITS = {"infections": "new", "cases": "new", "deaths": "new", "infectious": "stock"}
SUSCEPTIBLE, EXPOSED, INFECTIOUS, RECOVERED, DEAD = range(5)


def seir(
    population: TemplatePopulation,
    days: int,
    *,
    r0: Parameter = 2.5,
    latent_days: Parameter = 3.0,
    infectious_days: Parameter = 5.0,
    fatality: Parameter = 0.005,
    initial: Parameter = 20,
) -> Rollout:
    """An SEIR epidemic that spreads in households, schools, workplaces and the community, each of which can be closed.

    Args:
        population: With at least one network.
        days: Simulated.
        r0: Infections by one infectious agent with the average number of contacts, if all others were susceptible.
        latent_days: Mean days from infection to infectiousness, at least 1.
        infectious_days: Mean days of infectiousness, at least 1.
        fatality: Share of cases that dies.
        initial: Agents that are exposed when the simulation begins.

    Returns:
        Series by place: new `infections`, `cases` (becoming infectious) and `deaths`, and the stock `infectious`.
    """
    spread, size = Spread(population), population.people.size
    latent, infectious = parameter("latent_days", latent_days, 1), parameter("infectious_days", infectious_days, 1)
    per_contact = parameter("r0", r0) / (infectious * spread.contacts)
    dies = -torch.log1p(-parameter("fatality", fatality, 0, 0.99))
    first = allocate("initial", torch.zeros(size, dtype=torch.uint8), parameter("initial", initial, 0, size).round())

    def day(s: State) -> State:
        stage = s["stage"]
        infected = event("infection", per_contact * spread.force(s, stage == INFECTIOUS), where=stage == SUSCEPTIBLE)
        falls_ill = event("onset", leaving(latent), where=stage == EXPOSED)
        ends = event("end", leaving(infectious), where=stage == INFECTIOUS)
        died = event("death", dies, where=ends, at_once=True)
        stage = stage + (infected | falls_ill | ends) + died
        for name, happened in {"infections": infected, "cases": falls_ill, "deaths": died}.items():
            tally(name, happened, **by_place(population))
        tally("infectious", stage == INFECTIOUS, **by_place(population), stock=True)
        return {**s, "stage": stage}

    begin = start(population.people, **closures(spread.layers))
    return rollout(day, {**begin, "stage": first.to(torch.uint8) * EXPOSED}, days)
