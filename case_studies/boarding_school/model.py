"""Influenza among 763 boys as a chain-binomial SIR, seen as the number in bed each day."""

import math

import pyro
import pyro.distributions as dist
import torch

from case_studies.boarding_school.question import POLICIES
from case_studies.priors import Priors
from causal_lpm import Rollout, State, event, observed, policy, rollout, tally
from causal_lpm.agents import Population, negative_binomial, start

__all__ = ["BOYS", "DAYS", "PRIORS", "difference_equations", "epidemic"]

BOYS, DAYS = 763, 14
"""The days of the counts, 22 January to 4 February 1978; one boy is infectious on the day before them."""
PRIORS: Priors = {
    "beta": (dist.LogNormal, (math.log(1.8), 0.4), "infections a day by one infectious boy among the susceptible"),
    "gamma": (dist.LogNormal, (math.log(0.5), 0.4), "recoveries a day of an infectious boy"),
    "dispersion": (dist.LogNormal, (math.log(10.0), 0.8), "size of the negative binomial of a count"),
}


def _parameters() -> dict[str, torch.Tensor]:
    return {
        name: pyro.sample(name, family(*map(torch.tensor, arguments)))
        for name, (family, arguments, _) in PRIORS.items()
    }


def _reported(infectious: torch.Tensor, dispersion: torch.Tensor) -> None:
    # A mean of 0 leaves a count above 0 impossible, and has no gradient.
    observed("in_bed", negative_binomial(infectious.clamp(min=0.01), dispersion.unsqueeze(-1)).to_event(1))


def epidemic(steps_per_day: int) -> Rollout:
    """The model, in so many steps a day.

    The policies are of `question.py`: from a day on, the infectious meet a share of those whom they met.
    """
    p = _parameters()
    acts = {name: policy(name, each.default) for name, each in POLICIES.items()}

    def step(s: State) -> State:
        met = torch.where(s["t"] < s["isolation_day"], 1.0, s["contacts"])
        share = (s["stage"] == 1).float().mean(-1, keepdim=True)
        infected = event("infection", p["beta"] * met * share, where=s["stage"] == 0)
        recovered = event("recovery", p["gamma"], where=s["stage"] == 1)
        tally("infections", infected)
        stage = s["stage"] + (infected | recovered)
        tally("infectious", stage == 1, stock=True)
        return {**s, "stage": stage}

    boys = Population({"stage": (torch.arange(BOYS) == 0).to(torch.uint8)})
    run = rollout(step, start(boys, **acts), DAYS, steps_per_day=steps_per_day)
    _reported(run.tallies["infectious"], p["dispersion"])
    return run


def difference_equations(steps_per_day: int) -> dict[str, torch.Tensor]:
    """The same with shares instead of boys, differentiable."""
    p = _parameters()
    infectious = torch.full_like(p["beta"], 1 / BOYS)
    susceptible, series = 1 - infectious, []
    for _ in range(DAYS):
        for _ in range(steps_per_day):
            infections = susceptible * -torch.expm1(-p["beta"] * infectious / steps_per_day)
            recoveries = infectious * -torch.expm1(-p["gamma"] / steps_per_day)
            susceptible, infectious = susceptible - infections, infectious + infections - recoveries
        series.append(BOYS * infectious)
    together = torch.stack(series, -1)
    _reported(together, p["dispersion"])
    return {"infectious": together}
