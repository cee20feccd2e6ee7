"""A small epidemic with five unknowns, seen through scattered reports: an agent model and its ODE.

10,000 agents in cliques of five with six random contacts, SEIR in daily steps over 60 days. Unknown: transmission a
contact and day, latent and infectious times, the share infected at the start, and the share reported.
"""

import math
from functools import cache

import pyro
import pyro.distributions as dist
import torch

from causal_lpm import Rollout, event, exposure, observed, rollout, tally
from causal_lpm.agents import Graph, Groups, negative_binomial, random_graph

__all__ = ["AGENTS", "DAYS", "PRIORS", "agents", "difference_equations"]

AGENTS, DAYS = 10_000, 60
DISPERSION = 10.0
CLIQUE, RANDOM_CONTACTS = 5, 6
# Each prior is normal on a scale of its own: name -> (centre, standard deviation).
PRIORS = {
    "transmission": (math.log(0.05), 0.4),  # log probability a contact and day
    "latent": (math.log(2.0), 0.25),  # log days, beyond the first
    "infectious": (math.log(4.0), 0.3),  # log days, beyond the first
    "initial": (math.log(2e-3), 0.7),  # log share
    "reported": (math.log(0.4 / 0.6), 0.7),  # logit share
}
S, E, I, R = range(4)  # noqa: E741


def parameters() -> dict[str, torch.Tensor]:
    """Draws the five unknowns on their normal scales and returns them in the model's units."""
    raw = {name: pyro.sample(name, dist.Normal(*prior)) for name, prior in PRIORS.items()}
    return {
        "transmission": raw["transmission"].exp(),
        "latent": 1 + raw["latent"].exp(),
        "infectious": 1 + raw["infectious"].exp(),
        "initial": raw["initial"].exp(),
        "reported": raw["reported"].sigmoid(),
    }


@cache
def contacts() -> tuple[Groups, Graph]:
    """The cliques, and the random contacts."""
    return Groups(torch.arange(AGENTS) // CLIQUE), random_graph(AGENTS, RANDOM_CONTACTS, seed=0)


def agents() -> Rollout:
    """The exact model."""
    p = parameters()
    cliques, others = contacts()
    per_contact = -torch.log1p(-p["transmission"].clamp(max=0.95))
    leaves = {E: -torch.log1p(-1 / p["latent"]), I: -torch.log1p(-1 / p["infectious"])}

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        stage = s["stage"]
        # On the first day the seeds are exposed, in the place of infections.
        first = s["t"] == 0
        infectious = stage == I
        met = exposure(cliques, infectious) + exposure(others, infectious)
        hazard = -torch.log1p(-p["initial"].clamp(max=0.99)) if bool(first) else per_contact * met
        exposed = event("infection", hazard, where=stage == S)
        onset = event("onset", leaves[E], where=stage == E)
        recovery = event("recovery", leaves[I], where=infectious)
        tally("onsets", onset)
        return {"stage": stage + (exposed | onset | recovery)}

    run = rollout(day, {"stage": torch.zeros(AGENTS, dtype=torch.uint8)}, DAYS + 1)
    onsets = run.tallies["onsets"][..., 1:]
    observed("reports", negative_binomial(p["reported"].unsqueeze(-1) * onsets, DISPERSION).to_event(1))
    return run


def difference_equations() -> dict[str, torch.Tensor]:
    """The same with everybody alike: shares instead of agents, differentiable."""
    p = parameters()
    met = CLIQUE - 1 + RANDOM_CONTACTS
    per_contact = torch.log1p(-p["transmission"].clamp(max=0.95))
    exposed = p["initial"]
    susceptible, infectious = 1 - exposed, torch.zeros_like(exposed)
    onsets = []
    for _ in range(DAYS):
        infections = susceptible * -torch.expm1(met * infectious * per_contact)
        onset, recovery = exposed / p["latent"], infectious / p["infectious"]
        susceptible = susceptible - infections
        exposed = exposed + infections - onset
        infectious = infectious + onset - recovery
        onsets.append(AGENTS * onset)
    series = torch.stack(onsets, -1)
    observed("reports", negative_binomial((p["reported"].unsqueeze(-1) * series).clamp(min=0), DISPERSION).to_event(1))
    return {"onsets": series}
