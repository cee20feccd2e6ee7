"""An epidemic and a labour market: who fears infection stays at home, who is paid may leave work."""

import torch

from causal_lpm import Rollout, State, allocate, event, rollout, tally
from causal_lpm.agents import Archetypes, Economy, Population, start
from causal_lpm.templates.closures import closures
from causal_lpm.templates.needs import TemplatePopulation, by_place, needs
from causal_lpm.templates.parameters import Parameter, leaving, parameter
from causal_lpm.templates.spread import Spread

__all__ = ["UNITS", "epidemic_economy"]

UNITS = {"infections": "new", "cases": "new", "infectious": "stock", "unemployed": "stock", "isolating": "stock"}
SUSCEPTIBLE, EXPOSED, INFECTIOUS = range(3)  # and 3, recovered
WORKS = {"child": -20.0, "adult": 1.5, "old": -1.5}
"""Logit of being willing to work, of each age where nobody is paid."""
MONTH, WAGE, UNEMPLOYMENT, SEPARATION, FINDING, KEPT = 30, 3_000.0, 0.05, 0.02, 0.25, 0.3


def epidemic_economy(
    population: TemplatePopulation,
    days: int,
    *,
    r0: Parameter = 2.5,
    latent_days: Parameter = 3.0,
    infectious_days: Parameter = 5.0,
    initial: Parameter = 20,
    fear: Parameter = 100.0,
    payment_effect: Parameter = 0.2,
) -> Rollout:
    """An SEIR epidemic in which people decide once a month whether they isolate and whether they want to work.

    Args:
        population: With `age` in years and at least one network.
        days: Simulated.
        r0: Infections by one infectious agent with the average number of contacts, if all others were susceptible.
        latent_days: Mean days from infection to infectiousness, at least 1.
        infectious_days: Mean days of infectiousness, at least 1.
        initial: Agents that are exposed when the simulation begins.
        fear: By how much the logit of isolating rises if all were infectious.
        payment_effect: By how much the logit of being willing to work falls for each 1,000 dollars paid a month.

    Returns:
        Series by place: new `infections` and `cases`; stocks `infectious`, `unemployed` and `isolating`.
    """
    needs(population, columns=["age"])
    spread, size, counted = Spread(population), population.people.size, by_place(population)
    group = torch.bucketize(population.people["age"].int(), torch.tensor([18, 65]), right=True)
    kinds = Archetypes.from_columns(Population({"age": group}, {"age": tuple(WORKS)}), ["age"], minimum=1)
    economy = Economy(kinds, range(0, days, MONTH), WAGE)
    lasts, latent = parameter("infectious_days", infectious_days, 1), parameter("latent_days", latent_days, 1)
    per_contact = parameter("r0", r0) / (lasts * spread.contacts)
    afraid, spoils = parameter("fear", fear), parameter("payment_effect", payment_effect)
    works = torch.tensor([WORKS[kind["age"]] for kind in kinds.labels])
    first = allocate("initial", torch.zeros(size, dtype=torch.uint8), parameter("initial", initial, 0, size).round())
    tastes = economy.tastes()

    def day(s: State) -> State:
        if economy.begins(s["t"]):
            willing = works - spoils * economy.payment(s) / 1_000
            at_home = afraid * s["prevalence"] - 3.0 + torch.zeros_like(works)
            s = s | economy.month(s, willing, at_home, tastes, separation=SEPARATION, finding=FINDING)
        stage, meets = s["stage"], economy.contacts(s, KEPT)
        force = spread.force(s, torch.where(s["stage"] == INFECTIOUS, meets, 0.0)) * meets
        infected = event("infection", per_contact * force, where=stage == SUSCEPTIBLE)
        ill = event("onset", leaving(latent), where=stage == EXPOSED)
        over = event("end", leaving(lasts), where=stage == INFECTIOUS)
        stage = stage + (infected | ill | over)
        tally("infections", infected, **counted)
        tally("cases", ill, **counted)
        now = tally("infectious", stage == INFECTIOUS, **counted, stock=True).sum(-1, keepdim=True)
        tally("unemployed", economy.unemployed(s), **counted, stock=True)
        tally("isolating", s["isolates"], **counted, stock=True)
        return {**s, "stage": stage, "prevalence": (now / size).float()}

    own = {**closures(population.networks), **economy.start(UNEMPLOYMENT)}
    begin = start(population.people, prevalence=0.0, **own)
    return rollout(day, {**begin, "stage": first.to(torch.uint8) * EXPOSED}, days)
