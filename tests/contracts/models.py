"""Three small models that every handler is tried on; together they use every operation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from chirho.indexed.ops import IndexSet, gather
from chirho.interventional.handlers import do

from causal_lpm import (
    KeyedNoise,
    Rollout,
    allocate,
    choose,
    event,
    exogenous,
    exposure,
    observed,
    policy,
    rollout,
    solve_ode,
    tally,
)
from causal_lpm.agents.networks import Graph, Groups
from causal_lpm.agents.observation import negative_binomial
from causal_lpm.agents.population import Population, start

S, I, R = 0, 1, 2  # noqa: E741
AGENTS = 400


def people(agents: int = AGENTS) -> Population:
    """One agent in forty is infectious at the start."""
    stage = torch.zeros(agents, dtype=torch.uint8)
    stage[::40] = I
    return Population({"stage": stage, "risk": torch.arange(agents) % 3})


def layers(agents: int = AGENTS) -> dict[str, Any]:
    """Households of three and a random graph of mean degree 8."""
    generator = torch.Generator().manual_seed(0)
    ends = torch.randint(0, agents, (2, 4 * agents), generator=generator)
    ends = ends[:, ends[0] != ends[1]]
    return {"home": Groups(torch.arange(agents) // 3), "school": Graph.from_edges(ends[0], ends[1], agents)}


def flu(population, contacts, days, cases=None):  # type: ignore[no-untyped-def]
    """The model of the design, as written there."""
    beta = pyro.sample("beta", dist.LogNormal(-3.0, 0.5))
    closure = policy("school_closure_day", torch.tensor(999.0))

    def day(s):  # type: ignore[no-untyped-def]
        infectious = s["stage"] == I
        open_ = torch.where(s["t"] < s["school_closure_day"], 1.0, 0.3)
        hazard = beta * (exposure(contacts["home"], infectious) + open_ * exposure(contacts["school"], infectious))
        infected = event("infection", hazard) & (s["stage"] == S)
        recovered = event("recovery", 0.2) & infectious
        tally("cases", infected)
        return {**s, "stage": s["stage"] + infected + recovered}

    run = rollout(day, start(population, school_closure_day=closure), days)
    observed("reported", negative_binomial(run.tallies["cases"]).to_event(1), cases)
    return run


def clinic(population: Population, days: int) -> Rollout:
    """Agents are infected from outside unless they are served a dose first: no network."""
    doses = policy("doses", 3)
    risk = population["risk"]

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        waiting = s["stage"] == S
        served = allocate("dose", torch.where(waiting, risk, 256), s["doses"].long())
        preference = torch.stack(torch.broadcast_tensors(s["doses"] / 10, risk.float(), torch.ones(())), -1)
        walks_in = choose("route", preference) == 0
        strength = exogenous("strength", population.size, "uniform", slots=3, index=s["courses"].clamp(max=2))
        infected = event("infection", 0.05 * strength) & waiting & ~served
        tally("served", served, by=risk, groups=3)
        tally("infected", infected & ~walks_in)
        tally("strength", torch.where(infected, strength, 0.0))
        return {**s, "stage": s["stage"] + 2 * served + infected, "courses": s["courses"] + infected}

    return rollout(day, start(population, doses=doses, courses=torch.zeros(population.size, dtype=torch.uint8)), days)


def immunity(population: Population, contacts: dict[str, Any], days: int) -> Rollout:
    """Antibodies wane within each host by a differential equation and set its susceptibility."""
    waning = policy("waning", 0.1)

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        host = solve_ode(lambda y: {"antibody": -s["waning"] * y["antibody"]}, {"antibody": s["antibody"]}, 1.0)
        infectious = s["stage"] == I
        hazard = 0.08 * torch.exp(-host["antibody"]) * exposure(contacts["school"], infectious)
        infected = event("infection", hazard) & (s["stage"] == S)
        recovered = event("recovery", 0.2) & infectious
        tally("cases", infected)
        antibody = torch.where(infected, 4.0, host["antibody"])
        return {**s, "stage": s["stage"] + infected + recovered, "antibody": antibody}

    first = torch.linspace(0.0, 3.0, population.size)
    return rollout(day, start(population, waning=waning, antibody=first), days)


@dataclass(frozen=True)
class Model:
    """A model with one of its policies: what it is in fact, and what else it could be."""

    name: str
    simulate: Callable[[int], Rollout]
    policy: str
    fact: float
    acts: tuple[float, float]
    days: int = 20

    def __call__(self) -> Rollout:
        return self.simulate(self.days)

    def alone(self, seed: int | torch.Tensor = 7, value: float | None = None) -> Rollout:
        """One world, without any counterfactual handler."""
        actions = {} if value is None else {self.policy: torch.tensor(value)}
        with KeyedNoise(seed), do(actions=actions):
            return self()

    def do(self, *values: float | None) -> Any:
        """`do` with one act or several on the policy."""
        acts = tuple(None if value is None else torch.tensor(value) for value in values)
        return do(actions={self.policy: acts if len(acts) > 1 else acts[0]})


def _flu(days: int) -> Rollout:
    fixed = pyro.poutine.condition(flu, data={"beta": torch.tensor(0.06)})
    run: Rollout = fixed(people(), layers(), days)
    return run


MODELS = [
    Model("flu", _flu, "school_closure_day", 999.0, (3.0, 8.0)),
    Model("clinic", lambda days: clinic(people(), days), "doses", 3.0, (9.0, 0.0)),
    Model("immunity", lambda days: immunity(people(), layers(), days), "waning", 0.1, (0.4, 0.01)),
]
FLU, CLINIC, IMMUNITY = MODELS


def pick(handler: Any, run: Rollout, **where: int) -> dict[str, torch.Tensor]:
    """State and series of one world (and replicate), flat: `pick(worlds, run, world=1)`."""
    at = IndexSet(**{name: {number} for name, number in where.items()})
    with handler:
        state = {name: gather(value, at).flatten() for name, value in run.state.items()}
        series = {name: gather(value, at, event_dim=1).flatten() for name, value in run.tallies.items()}
    return state | series


def flat(run: Rollout) -> dict[str, torch.Tensor]:
    """State and series of a run of one world."""
    return {name: value.flatten() for name, value in (run.state | run.tallies).items()}


def differ(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> list[str]:
    """Names of the entries that are not the same bit for bit."""
    assert a.keys() == b.keys()
    return [name for name in a if a[name].dtype != b[name].dtype or not torch.equal(a[name], b[name])]
