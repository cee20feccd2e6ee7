"""The agent model: an SEIR epidemic among people with ages, and deaths as the expected number among those who fall ill.

It is written elementwise, so that counties, or draws of the parameters, stand in the dimensions left of the agents. It
runs as an exact simulation and, because its columns are floats and multiplied, under `MeanField` with gradients.
"""

import functools

import torch

from case_studies.ma_counties.inputs import FATALITY, INFECTIOUS_DAYS, LATENT_DAYS, OUTCOME_DAYS, SUSCEPTIBILITY
from causal_lpm import Rollout, event, exposure, rollout, tally
from causal_lpm.agents import FreshRandom, Population

__all__ = ["DISPERSION", "contacts_of", "epidemic", "ode", "people_of"]

CONTACTS = 4  # a day, fresh every day; R_t carries the level of contacts, so their number hardly matters
DISPERSION = 10.0  # of weekly deaths: a standard deviation of about a third of the mean beyond Poisson


def people_of(persons: torch.Tensor, agents: int) -> Population:
    """Agents in the age structure of a county, evenly: the k-th agent is the (k + 1/2)/agents quantile of age.

    Args:
        persons: `[ages]`.
        agents: How many.
    """
    upper = (persons / persons.sum()).cumsum(0)
    age = torch.bucketize((torch.arange(agents) + 0.5) / agents, upper[:-1].contiguous())
    return Population({"age": age})


@functools.lru_cache(maxsize=8)
def contacts_of(agents: int) -> FreshRandom:
    """Everybody meets four others drawn at random every day."""
    return FreshRandom(torch.full((agents,), CONTACTS), name="contacts")


def epidemic(
    age: torch.Tensor,
    persons: torch.Tensor | float,
    reproduction: torch.Tensor,
    initial: torch.Tensor,
    fatality: torch.Tensor,
) -> Rollout:
    """Simulates whole weeks.

    Args:
        age: Age group of each agent, `[agents]` or `[counties, agents]`.
        persons: How many persons the agents stand for, a number or `[counties, 1]`.
        reproduction: R_t, the infections that one infectious person causes among susceptibles only, by week,
            `[*dims, weeks]`.
        initial: Share exposed at the beginning, `[*dims, 1]`.
        fatality: Infection fatality relative to `inputs.FATALITY`, by week, `[*dims, weeks or 1]`.

    Returns:
        Tallies `infections` and `deaths`, persons `[*dims, 1, days]`; deaths are expected numbers given who is ill.
    """
    agents, weeks = age.shape[-1], reproduction.shape[-1]
    weight = torch.as_tensor(persons) / agents
    susceptibility = torch.tensor(SUSCEPTIBILITY)[age]
    susceptibility = susceptibility / susceptibility.mean(-1, keepdim=True)
    dying = torch.tensor(FATALITY)[age]
    contacts = contacts_of(agents)
    fatality = fatality.expand((*fatality.shape[:-1], weeks))

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        week = int(s["t"]) // 7
        rate = reproduction[..., week, None] / (INFECTIOUS_DAYS * CONTACTS)
        infected = s["S"] * event("infection", rate * susceptibility * exposure(contacts, s["I"]))
        onset = s["E"] * event("onset", 1 / LATENT_DAYS)
        removed = s["I"] * event("removal", 1 / INFECTIOUS_DAYS)
        worse = s["ill"] * event("worse", 2 / OUTCOME_DAYS)
        resolved = s["late"] * event("outcome", 2 / OUTCOME_DAYS)
        tally("infections", infected * weight)
        tally("deaths", resolved * (dying * weight) * fatality[..., week, None])
        return {
            "S": s["S"] - infected,
            "E": s["E"] + infected - onset,
            "I": s["I"] + onset - removed,
            "ill": s["ill"] + removed - worse,
            "late": s["late"] + worse - resolved,
        }

    exposed = 1.0 * event("seeding", -torch.log1p(-initial).expand((*initial.shape[:-1], agents)))
    nobody = torch.zeros_like(exposed)
    beginning = {"S": 1 - exposed, "E": exposed, "I": nobody, "ill": nobody, "late": nobody}
    return rollout(day, beginning, 7 * weeks)


def ode(
    persons: float, death_share: float, reproduction: torch.Tensor, initial: torch.Tensor, fatality: torch.Tensor
) -> torch.Tensor:
    """The same epidemic among people who are all alike: difference equations, expected deaths `[*dims, days]`.

    Args:
        persons: How many persons.
        death_share: Infection fatality of the average infected person.
        reproduction: `[*dims, weeks]`.
        initial: `[*dims, 1]`.
        fatality: Relative to `death_share`, `[*dims, 1]`.
    """
    leave = [-torch.expm1(torch.tensor(-1 / d)) for d in (LATENT_DAYS, INFECTIOUS_DAYS, OUTCOME_DAYS / 2)]
    e = initial[..., 0]
    s, i, ill, late = 1 - e, torch.zeros_like(e), torch.zeros_like(e), torch.zeros_like(e)
    deaths = []
    for day in range(7 * reproduction.shape[-1]):
        infected = -s * torch.expm1(-reproduction[..., day // 7] / INFECTIOUS_DAYS * i)
        onset, removed, worse, resolved = e * leave[0], i * leave[1], ill * leave[2], late * leave[2]
        deaths.append(resolved * (death_share * persons) * fatality[..., 0])
        s, e, i = s - infected, e + infected - onset, i + onset - removed
        ill, late = ill + removed - worse, late + worse - resolved
    return torch.stack(deaths, -1)
