"""A small SIR model with two parameters, a policy, groups and reports, for tests of predictions."""

from typing import Any

import pyro
import pyro.distributions as dist
import torch

from causal_lpm import event, exposure, observed, policy, rollout, tally
from causal_lpm.agents.networks import Groups, random_graph
from causal_lpm.agents.observation import negative_binomial
from causal_lpm.agents.population import Population, start

S, I, R = range(3)  # noqa: E741
AGENTS, DAYS = 400, 20
_stage = torch.zeros(AGENTS, dtype=torch.uint8)
_stage[::40] = I
PEOPLE = Population({"stage": _stage})
HALF = torch.arange(AGENTS) % 2
CONTACTS = {"home": Groups(torch.arange(AGENTS) // 4), "work": random_graph(AGENTS, mean_degree=6, seed=0)}


def sir() -> Any:
    beta = pyro.sample("beta", dist.LogNormal(-3.0, 0.5))
    reporting = pyro.sample("reporting", dist.Beta(4.0, 6.0))
    closure = policy("closure_day", 999.0)
    masks = policy("masks", 0.0)

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        infectious = s["stage"] == I
        open_ = torch.where(s["t"] < s["closure_day"], 1.0, 0.2)
        hazard = exposure(CONTACTS["home"], infectious) + open_ * exposure(CONTACTS["work"], infectious)
        infected = event("infection", beta * (1 - s["masks"]) * hazard) & (s["stage"] == S)
        recovered = event("recovery", 0.25) & infectious
        tally("infections", infected)
        tally("by_half", infected, by=HALF, groups=2)
        return {**s, "stage": s["stage"] + infected + recovered}

    run = rollout(day, start(PEOPLE, closure_day=closure, masks=masks), DAYS)
    observed("cases", negative_binomial(reporting[..., None] * run.tallies["infections"]).to_event(1))
    return run


def posterior(draws: int = 4) -> dict[str, torch.Tensor]:
    """Draws of both parameters, spread as a posterior may be."""
    generator = torch.Generator().manual_seed(1)
    beta = (-2.3 + 0.3 * torch.randn(draws, generator=generator)).exp()
    return {"beta": beta, "reporting": 0.3 + 0.3 * torch.rand(draws, generator=generator)}
