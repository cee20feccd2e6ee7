"""The second-dose simulation as parties run it: unchanged, on a population of which each has a part.

Age, household, occupation and number of contacts are public; who is ill, tested, in quarantine or vaccinated is not.
"""

import os
from functools import partial

import torch

from case_studies.second_dose.mechanism import mechanism
from case_studies.second_dose.model import NEVER, second_dose, setup
from causal_lpm import Rollout, State, comparing, look_up
from causal_lpm.agents import Course, Population
from causal_lpm.parties import RealSimulation, Release, decentralize

__all__ = ["SIGMA2", "SIZE", "TALLIES", "check", "published", "simulation", "worlds"]

PUBLIC = ("age_group", "year", "household", "occupation", "stubs")
TALLIES = ("infections", "hospitalisations", "deaths", "first_doses", "second_doses")
SIZE = "PRIVATE_SECOND_DOSE"
"""Variable of the environment with agents, days and seed, the same for all processes."""
SIGMA2 = 100
"""Of each party's noise on each released number."""
EARLY = {"vaccination_start": 1.0, "first_dose_efficacy": 0.8}
"""Thirty days are few: the campaign begins at once."""


def worlds() -> dict[str, dict[str, float]]:
    """Second doses when they are due, and after all first doses."""
    return {"standard": EARLY, "delayed": {**EARLY, "first_dose_priority": 1.0}}


def simulation(people: Population, days: int) -> Rollout:
    """Both worlds, with the same luck."""
    with comparing(worlds()):
        return second_dose(setup(people, mechanism("described")), days, _first_cases)


def _first_cases(people: Population, course: Course) -> State:
    """Who is ill on day 0 is an attribute: nobody but its party knows it."""
    stage = people["stage"]
    infected_on = torch.where(stage > 0, 0, NEVER).to(torch.int16)
    return {"stage": stage, "infected_on": infected_on, "due": look_up(course.days, stage).to(torch.int16) + 1}


def _real(checking: bool) -> RealSimulation:
    agents, days, seed = map(int, os.environ[SIZE].split())
    ranges = dict.fromkeys(TALLIES, (0, agents))
    return decentralize(
        partial(simulation, days=days),
        release=Release(ranges, min_group=10, exact=True) if checking else _noisy(ranges),
        noise="public" if checking else "owner",
        # Without bounds of its own what is in stock has wider ones every day, and comparisons with it become slow.
        small={"stage": 11, "doses": 3, "stock_0": (0, agents), "stock_1": (0, agents)},
        public=PUBLIC,
        seed=seed,
    )


def _noisy(ranges: dict[str, tuple[int, int]]) -> Release:
    """Sums over all days; an agent is counted once at most in each tally of each world."""
    return Release(ranges, min_group=10, sigma2=SIGMA2, sensitivity=len(worlds()) ** 0.5, daily=False)


def check() -> RealSimulation:
    """With the luck of the clear run, which everybody knows, and exact totals: every cell is that of the clear run.

    Only for people who do not exist: see docs/explanation/private.md.
    """
    return _real(checking=True)


def published() -> RealSimulation:
    """With each party's own luck for its agents, and noise on all that is released."""
    return _real(checking=False)
