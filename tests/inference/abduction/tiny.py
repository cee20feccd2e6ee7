"""Eight agents, three days: an epidemic whose joint law with its counterfactual is enumerated."""

import math
from collections.abc import Callable, Iterable

import torch

from causal_lpm import Rollout, event, exposure, policy, rollout, tally
from causal_lpm.agents import Graph
from causal_lpm.typing import State

AGENTS, DAYS, BETA, FACTOR, FROM = 8, 3, 0.5, 0.4, 1
EDGES = torch.tensor([(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7), (7, 0), (0, 4), (2, 6)])
CONTACTS = Graph.from_edges(EDGES[:, 0], EDGES[:, 1], AGENTS)
NEIGHBOURS = [CONTACTS.neighbours[CONTACTS.indptr[i] : CONTACTS.indptr[i + 1]].tolist() for i in range(AGENTS)]
WORLDS: dict[str, dict[str, float]] = {"fact": {}, "measures": {"measures_day": FROM}}
WHO = torch.arange(AGENTS)


def epidemic() -> Rollout:
    """SI from agent 0; `measures_day` is the day from which transmission is lower."""
    measures = policy("measures_day", 999.0)

    def day(s: State) -> State:
        infectious = s["stage"] == 1
        transmission = BETA * torch.where(s["t"] < s["measures_day"], 1.0, FACTOR)
        new = event("infection", transmission * exposure(CONTACTS, infectious), where=~infectious)
        tally("infections", new, by=WHO, groups=AGENTS)
        return {**s, "stage": s["stage"] + new}

    return rollout(day, {"stage": (WHO == 0).to(torch.uint8), "measures_day": measures}, DAYS)


Seen = Callable[[int, int], float]
"""Step, agent -> whether it was seen to be infected, NaN if nothing is known."""


Weigh = Callable[[int, int], float]
"""Step, number of infections in fact -> probability of the data of that step."""


def exact(seen: Seen, weigh: Weigh = lambda day, count: 1.0) -> tuple[float, list[float], list[float], list[float]]:
    """Log p of what was seen; then each agent's probability to be infected in fact, elsewhere, and in fact only."""
    law: dict[tuple[int, int], float] = {(1, 1): 1.0}  # infected in fact and elsewhere, as bits -> probability
    for day in range(DAYS):
        following: dict[tuple[int, int], float] = {}
        for (fact, other), p in law.items():
            outcomes = [((fact, other), p)]
            for agent in range(AGENTS):
                here = _hazard(fact, agent, BETA)
                there = _hazard(other, agent, BETA * (FACTOR if day >= FROM else 1.0))
                outcomes = [
                    ((a | x << agent, b | y << agent), q * chance)
                    for (a, b), q in outcomes
                    for (x, y), chance in _both(here, there)
                    if chance > 0 and seen(day, agent) in (x, UNKNOWN)
                ]
            for state, q in outcomes:
                told = weigh(day, (state[0] & ~fact).bit_count())
                following[state] = following.get(state, 0.0) + q * told
        law = following
    evidence = sum(law.values())

    def share(wanted: Callable[[int, int], bool]) -> list[float]:
        return [sum(p for (f, c), p in law.items() if wanted(f >> i & 1, c >> i & 1)) / evidence for i in range(AGENTS)]

    shares = share(lambda f, c: f == 1), share(lambda f, c: c == 1), share(lambda f, c: f == 1 and c == 0)
    return (math.log(evidence), *shares)


UNKNOWN = -1.0


def _hazard(infected: int, agent: int, transmission: float) -> float:
    return 0.0 if infected >> agent & 1 else transmission * sum(infected >> j & 1 for j in NEIGHBOURS[agent])


def _both(here: float, there: float) -> Iterable[tuple[tuple[int, int], float]]:
    """Infected (in fact, elsewhere) -> probability, where one threshold meets both hazards."""
    low, high = min(here, there), max(here, there)
    yield (1, 1), 1 - math.exp(-low)
    yield ((1, 0) if here > there else (0, 1)), math.exp(-low) - math.exp(-high)
    yield (0, 0), math.exp(-high)
