"""COVID-19 by age: tests, isolation, tracing, masks, closures and doses, each from its policy's day on."""

import torch

from causal_lpm import Rollout, State, allocate, event, rollout, tally
from causal_lpm.agents import NEVER, CatchUp, Isolation, Masks, Screening, Testing, Tracing, says_whom, start, whole_day
from causal_lpm.templates.closures import closures
from causal_lpm.templates.covid_course import COURSE, INFECTIOUS_DAYS, decade, susceptibility
from causal_lpm.templates.needs import TemplatePopulation, by_place, needs
from causal_lpm.templates.parameters import Parameter, parameter
from causal_lpm.templates.spread import Spread

__all__ = ["UNITS", "covid"]

NEW = ("infections", "cases", "diagnoses", "hospitalisations", "deaths", "tracing_reached", "vaccination_doses")
UNITS = {**dict.fromkeys(NEW, "new"), "infectious": "stock"}
SUSCEPTIBLE, EXPOSED, _, ASYMPTOMATIC, SYMPTOMS, HOSPITAL, RECOVERED, DEAD = range(8)
TRACED = {"household": 1.0, "school": 0.5, "workplace": 0.5}


def covid(
    population: TemplatePopulation,
    days: int,
    *,
    r0: Parameter = 2.5,
    initial: Parameter = 20,
) -> Rollout:
    """COVID-19 with stages by age, tests, isolation, contact tracing, masks, closures and vaccination as policies.

    Args:
        population: With the column `age` in years, and at least one network.
        days: Simulated.
        r0: Infections by one case with the average number of contacts, if all others were susceptible.
        initial: Agents that are exposed when the simulation begins.

    Returns:
        By place, new `infections`, `cases` (onsets), `diagnoses`, `hospitalisations` and `deaths`, and the stock
        `infectious`; of all places, new `tracing_reached` and `vaccination_doses`.
    """
    needs(population, columns=["age"])
    spread, size, age = Spread(population), population.people.size, population.people["age"]
    per_contact = parameter("r0", r0) / (INFECTIOUS_DAYS * spread.contacts) * susceptibility(age)
    first = allocate("initial", torch.zeros(size, dtype=torch.uint8), parameter("initial", initial, 0, size).round())
    course, screening, testing = COURSE.course(decade(age)), Screening(), Testing()
    traced = {name: layer for name, layer in spread.layers.items() if name in TRACED and says_whom(layer)}
    traced = traced or spread.layers
    tracing = Tracing(network=traced, probability={name: TRACED.get(name, 0.1) for name in traced}, start_day=NEVER)
    isolation, masks, doses = Isolation(days=10), Masks(), CatchUp("vaccination", strength=0.7, end_day=365)

    def day(s: State) -> State:
        today, before = whole_day(s["t"]), s["stage"]
        stage, due = course.enter_next(before, s["due"], (s["due"] > NEVER) & (s["due"] <= today), today)
        ill = (stage > EXPOSED) & (stage < RECOVERED)
        swabbed = screening.swabbed(s, (stage == SYMPTOMS) | (stage == HOSPITAL), among=~s["diagnosed"])
        tests, positive = testing.day(s, swabbed & ill)
        found = positive & ~s["diagnosed"]
        traces, told = tracing.day(s, found)
        isolating, inside = isolation.day(s, found | told)
        given = doses.day(s, (stage == SUSCEPTIBLE) & (age >= 12))
        at_large = isolation.contacts_left(s, inside) * (stage != HOSPITAL)
        force = spread.force(s, ill * at_large * masks.sending(s))
        open_to_it = (stage == SUSCEPTIBLE) & ~doses.protected({**s, **given})
        infected = event("infection", per_contact * masks.receiving(s) * at_large * force, where=open_to_it)
        stage, due = course.enter_next(stage, due, infected, today)
        counted = {"infections": infected, "diagnoses": found, "infectious": ill}
        for name, code in {"cases": SYMPTOMS, "hospitalisations": HOSPITAL, "deaths": DEAD}.items():
            counted[name] = (stage == code) & (before != code)
        for name, who in counted.items():
            tally(name, who, **by_place(population), stock=UNITS[name] == "stock")
        new = {"stage": stage, "due": due, "diagnosed": s["diagnosed"] | found}
        return {**s, **tests, **traces, **isolating, **given, **new}

    parts = (screening, testing, tracing, isolation, masks, doses)
    entries = {name: value for part in parts for name, value in part.start(size).items()}
    own = {"stage": first * EXPOSED, "due": torch.where(first, course.days[..., EXPOSED].short(), NEVER)}
    own |= {"diagnosed": torch.zeros(size, dtype=torch.bool)}
    return rollout(day, {**start(population.people, **closures(spread.layers), **entries), **own}, days)
