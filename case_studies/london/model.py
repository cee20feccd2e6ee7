"""The epidemic among the agents: a Pyro program that runs as it is and under handlers of gradients."""

from collections.abc import Mapping

import torch

from case_studies.london.parameters import INFECTIOUS_DAYS, LATENT_DAYS, SEEDING, arrivals, parameters
from case_studies.london.people import London
from case_studies.london.question import CELLS, POLICIES, SETTINGS
from case_studies.london.reports import reported
from causal_lpm import Rollout, State, event, exposure, policy, rollout, tally
from causal_lpm.agents import start

__all__ = ["ADVISED_BEFORE", "epidemic", "first_wave", "infections_of", "left_of"]

ADVISED_BEFORE = 7.0
"""Days from the advice to avoid contacts to the closure of a setting."""


def infections_of(here: London, days: int) -> Rollout:
    """Infections by cell of age and borough and day, `[*dims, 160, days]`: parameters, policies and epidemic."""
    return epidemic(here, parameters(), days)


def first_wave(here: London, days: int, by_borough: bool = False) -> dict[str, torch.Tensor]:
    """The first wave with its deaths: parameters from their priors, epidemic, data sites.

    Args:
        here: Agents.
        days: Simulated from 10 February 2020, whole weeks.
        by_borough: Whether deaths by borough and week are a data site, too.

    Returns:
        As `reports.reported` gives them.
    """
    p = parameters()
    return reported(p, epidemic(here, p, days).tallies["infections"], here.weight, by_borough)


def epidemic(here: London, p: Mapping[str, torch.Tensor], days: int) -> Rollout:
    """Susceptible, exposed, infectious, as float columns of 0 and 1, through which gradients flow."""
    people, size = here.people, here.people.size
    susceptibility = torch.where(people["age"] == 0, p["susceptibility_young"], 1.0)
    relative = torch.cat(torch.broadcast_tensors(*(p[name] for name in SEEDING)), -1)
    seeding = (p["seeding"] * relative / 1e5)[..., people["borough"]]

    def day(s: State) -> State:
        rates = {each: p[f"rate_{each}"] * left_of(each, s, p) for each in SETTINGS}
        at_home = exposure(here.home, s["infectious"])
        elsewhere = exposure(here.mixing.scaled(**rates), here.count * s["infectious"])
        hazard = susceptibility * (p["rate_home"] * at_home + elsewhere)
        hazard = hazard + arrivals(s["t"]) * seeding
        infected = s["susceptible"] * event("infection", hazard)
        # Expected, not realised: an agent is ninety persons, and what is counted are persons.
        expected = here.count * s["susceptible"] * -torch.expm1(-hazard)
        tally("infections", expected, people["cell"], groups=len(CELLS))
        onset = s["exposed"] * event("onset", 1 / LATENT_DAYS)
        recovered = s["infectious"] * event("recovery", 1 / INFECTIOUS_DAYS)
        return {
            **s,
            "susceptible": s["susceptible"] - infected,
            "exposed": s["exposed"] + infected - onset,
            "infectious": s["infectious"] + onset - recovered,
        }

    state = start(
        people,
        susceptible=torch.ones(size),
        exposed=torch.zeros(size),
        infectious=torch.zeros(size),
        **{name: policy(name, each.default) for name, each in POLICIES.items()},
    )
    return rollout(day, state, days)


def left_of(setting: str, s: State, p: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """What a closure leaves of the contacts in a setting today, `[*dims, 1]`; first by advice, where there was any."""
    since = s["t"] - s[f"{setting}_closure_day"]
    closed = (since >= 0).float()
    if (advised := p.get(f"advised_{setting}")) is not None:
        closed = closed + ((since >= -ADVISED_BEFORE) & (since < 0)).float() * advised
    return 1 - p[f"closed_{setting}"] * closed
