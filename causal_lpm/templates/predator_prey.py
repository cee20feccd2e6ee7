"""Predators and prey in patches: two species in one population, whose empty places are filled by births."""

from types import SimpleNamespace
from typing import Any

import torch

from causal_lpm import Rollout, State, allocate, event, exogenous, exposure, policy, rollout, tally
from causal_lpm.agents import Groups, Population, start
from causal_lpm.templates.needs import TemplatePopulation, needs
from causal_lpm.templates.parameters import Parameter, parameter
from causal_lpm.validate import whole_number

__all__ = ["UNITS", "inhabitants", "predator_prey"]

UNITS = {"prey": "stock", "predators": "stock", "born": "new", "eaten": "new", "culled": "new"}
EMPTY, ALIVE = 0, 1
PATCH = 1_000
"""Places in a patch, at least; rates are per animal in it."""


def inhabitants(agents: int | None = None, seed: int = 0) -> Any:
    """Places for animals, of which every third is for a predator, in patches of a thousand; 6,000, if not given."""
    number = torch.arange(whole_number("agents", 6_000 if agents is None else agents, low=3))
    patches = max(1, len(number) // PATCH)
    people = Population({"predator": number % 3 == 0, "patch": number // 3 % patches})
    networks = {"patch": Groups(people["patch"])}
    return SimpleNamespace(name=f"{patches} patches", people=people, networks=networks, places={})


def predator_prey(
    population: TemplatePopulation,
    days: int,
    *,
    predation: Parameter = 0.002,
    starvation: Parameter = 0.1,
    prey_births: Parameter = 4e-4,
    predator_births: Parameter = 2e-6,
    prey_at_start: Parameter = 0.5,
    predators_at_start: Parameter = 0.25,
) -> Rollout:
    """Predators eat prey of their patch and starve; both breed into empty places; a policy culls predators.

    Args:
        population: With a column `predator`, whose place it is, and a network `patch`.
        days: Simulated.
        predation: Hazard a day of a prey from each predator in its patch.
        starvation: Hazard a day of a predator.
        prey_births: Hazard a day of an empty place of a prey from each prey in its patch.
        predator_births: Hazard a day of an empty place of a predator from each pair of predator and prey in its patch.
        prey_at_start: Share of the places of prey that are alive on day 0.
        predators_at_start: Share of the places of predators.

    Returns:
        The stocks `prey` and `predators`, and new `born`, `eaten` and `culled`.
    """
    needs(population, columns=["predator"], networks=["patch"])
    predator, patch, size = population.people["predator"], population.networks["patch"], population.people.size
    eats, starves = parameter("predation", predation), parameter("starvation", starvation)
    breeds, hunts = parameter("prey_births", prey_births), parameter("predator_births", predator_births)
    shares = parameter("prey_at_start", prey_at_start, 0, 1), parameter("predators_at_start", predators_at_start, 0, 1)
    begin = exogenous("alive_at_start", size, "uniform") < torch.where(predator, shares[1], shares[0])

    def day(s: State) -> State:
        alive = s["stage"] == ALIVE
        hunters, hunted = exposure(patch, alive & predator), exposure(patch, alive & ~predator)
        eaten = event("predation", eats * hunters, where=alive & ~predator)
        starved = event("starvation", starves, where=alive & predator)
        culled = allocate("cull", torch.where(alive & predator, 0, 256), s["culled_per_day"].round())
        born = event("birth", torch.where(predator, hunts * hunters * hunted, breeds * hunted), where=~alive)
        stage = torch.where(born, ALIVE, torch.where(eaten | starved | culled, EMPTY, s["stage"])).to(torch.uint8)
        for name, happened in {"born": born, "eaten": eaten, "culled": culled}.items():
            tally(name, happened)
        tally("prey", (stage == ALIVE) & ~predator, stock=True)
        tally("predators", (stage == ALIVE) & predator, stock=True)
        return {**s, "stage": stage}

    culling = policy("culled_per_day", 0.0)
    return rollout(day, {**start(population.people, culled_per_day=culling), "stage": begin.to(torch.uint8)}, days)
