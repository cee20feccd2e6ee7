"""The epidemic among the agents: a Pyro program whose priors are its sites and whose order is a policy."""

import torch

from case_studies.nyc_first_wave.data import BOROUGHS, DAYS
from case_studies.nyc_first_wave.delays import DIED
from case_studies.nyc_first_wave.mobility import MEMORY
from case_studies.nyc_first_wave.parameters import parameters
from case_studies.nyc_first_wave.people import CONTACTS, City
from case_studies.nyc_first_wave.question import ORDER_DAY
from case_studies.nyc_first_wave.reports import (
    INFECTIOUS,
    LATENT,
    deaths_under_way,
    growth,
    history,
    meeting,
    report,
)
from causal_lpm import State, allocate, event, exogenous, exposure, policy, rollout, tally
from causal_lpm.agents import start

__all__ = ["AT_HOME", "first_wave_of"]

AT_HOME = 0.186 / 5.0
"""Hazard a day from an infectious housemate: a secondary attack rate of 17% over 5 days.

Source: Madewell et al., JAMA Netw Open 2020;3:e2031756, 16.6% of household contacts; five days as `INFECTIOUS`.
"""
NEVER = 20_000
NOT_HERE = 300  # an allocation's class of those who do not ask


def first_wave_of(city: City, days: int = DAYS) -> dict[str, torch.Tensor]:
    """The first wave of a city: parameters from their priors, epidemic, reports.

    Policies: `order_day` (day of the stay-at-home order, 21 = 22 March; 999 = never) and `follows_deaths` (1 where
    people react to the deaths of their own world; 0, the default, where mobility is the observed one).

    Args:
        city: Agents and reports.
        days: Simulated from 1 March 2020, whole weeks.

    Returns:
        Infections and expected reports, persons, `[*dims, 5, weeks]`, as `reports.report` gives them.
    """
    p = parameters()
    before = history(p)
    # From here on luck and parameters meet: agents in the last dimension, draws to its left.
    per_contact = torch.clamp(p["R0"] - AT_HOME * INFECTIOUS.mean() * _mean_housemates(city), min=0.0)
    per_contact = per_contact / (INFECTIOUS.mean() * CONTACTS)
    size, borough = city.people.size, city.people["borough"]
    latent = LATENT.draw(exogenous("latent", size, "uniform")).short()
    recovered = latent + INFECTIOUS.draw(exogenous("infectious", size, "uniform")).short()
    dying = city.weight * city.wave.fatality

    def day(s: State) -> State:
        today = int(s["t"])
        age = today - s["infected_on"]
        met = exposure(city.contacts, (age >= latent) & (age < recovered))
        fall = city.response.fall(today, s["order_day"], p["anticipation"], s["recent_deaths"], s["follows_deaths"])
        hazard = AT_HOME * met["home"] + per_contact * meeting(p, fall, today) * (met["borough"] + met["city"])
        susceptible = s["infected_on"] == NEVER
        infected = event("infection", hazard, where=susceptible)
        # Expected, not realised: an agent is hundreds of persons, and what is counted are persons.
        flux = tally("infections", -torch.expm1(-hazard) * susceptible, borough, groups=len(BOROUGHS))
        waiting, died = DIED.advance(
            [s[f"dying_{stage}"] for stage in range(DIED.stages)],
            (flux.float() * dying).sum(-1, keepdim=True) * p["fatality_scale"],
        )
        return {
            **s,
            "infected_on": torch.where(infected, today, s["infected_on"]),
            "recent_deaths": s["recent_deaths"] + (died - s["recent_deaths"]) / MEMORY,
            **{f"dying_{stage}": people for stage, people in enumerate(waiting)},
        }

    waiting, recent = deaths_under_way(p, before, city.wave)
    state = start(
        city.people,
        infected_on=_seeded(city, before, growth(p["R0"])),
        recent_deaths=recent,
        **{f"dying_{stage}": people for stage, people in enumerate(waiting)},
        order_day=policy("order_day", float(ORDER_DAY)),
        follows_deaths=policy("follows_deaths", 0.0),
    )
    flux = rollout(day, state, days).tallies["infections"].float() / city.agents[:, None]
    dims = torch.broadcast_shapes(before.shape[:-2], flux.shape[:-2])
    both = [series.expand(*dims, *series.shape[-2:]) for series in (before, flux)]
    return report(p, torch.cat(both, -1), city.wave)


def _mean_housemates(city: City) -> float:
    return float((city.housemates * city.agents).sum() / city.agents.sum())


def _seeded(city: City, before: torch.Tensor, rate: torch.Tensor) -> torch.Tensor:
    """Day of infection of everybody, int16 `[*dims, agents]`: the seeding is met up to one agent a borough."""
    borough, size = city.people["borough"], city.people.size
    wanted = before.sum(-1) * city.agents
    whole = (wanted + exogenous("rounding", 1, "uniform", slots=len(city.agents))[..., 0, :]).floor()
    chosen = torch.zeros(size, dtype=torch.bool)
    for number in range(len(city.agents)):
        priority = torch.where(borough == number, 0, NOT_HERE)
        chosen = chosen | allocate(f"seeding_{number}", priority, whole[..., number : number + 1])
    ago = 1 + (exogenous("infected_ago", size) / rate).floor().clamp(max=1000)
    return torch.where(chosen, -ago, NEVER).short()
