"""The epidemic and the vaccination campaign, day by day."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TypeAlias

import torch

from case_studies.second_dose import inputs
from case_studies.second_dose.inputs import ASYMPTOMATIC, DEATH, HOSPITALISED, MILD, RECOVERED, SEVERE, SUSCEPTIBLE
from case_studies.second_dose.mechanism import Mechanism
from causal_lpm import Network, Rollout, State, event, exogenous, exposure, look_up, policy, rollout, tally
from causal_lpm.agents import (
    Course,
    Duration,
    FreshRandom,
    FreshWattsStrogatz,
    Groups,
    Population,
    Quarantine,
    StageGraph,
    Testing,
    Transition,
    Vaccination,
    gamma_days,
    mean_days,
    start,
)

__all__ = ["NEVER", "FirstCases", "Setup", "first_cases_of_archive", "second_dose", "setup"]

NEVER = -9999
YOUNGEST_VACCINATED = 16
GENERATION_DAYS = 64


@dataclass(frozen=True)
class Setup:
    """What does not change over time: the population and what is computed from it once.

    Attributes:
        people: The agents.
        contacts: Layer -> network.
        susceptibility: Layer -> float32 `[agents]`: what an agent's exposure in that layer is multiplied by.
        infectiousness: float32 `[stages * GENERATION_DAYS]`: by stage and days since infection.
        stages: The stage graph.
        mechanism: Which version of each rule.
        campaign: Who vaccinates, and how.
    """

    people: Population
    contacts: dict[str, Network]
    susceptibility: dict[str, torch.Tensor]
    infectiousness: torch.Tensor
    stages: StageGraph
    mechanism: Mechanism
    testing: Testing
    quarantine: Quarantine
    campaign: Vaccination


def setup(people: Population, mechanism: Mechanism, device: str = "cpu") -> Setup:
    """Networks, weights and tables of the study for one population."""
    archived = mechanism.archived
    means = torch.tensor(
        [mean for _, mean in inputs.OCCUPATIONS.values()] + [inputs.CONTACTS_OF_CHILD, inputs.CONTACTS_OF_ELDERLY]
    )
    degree = 2.0 * (means.round() // 2) if archived("ring_degree") else means
    # A class of n members cannot have more than n - 1 contacts each.
    members = torch.bincount(people["occupation"].long(), minlength=len(means))
    degree = torch.minimum(degree, (members - 1).clamp(min=0).to(degree.dtype))
    contacts: dict[str, Network] = {
        "household": Groups(people["household"]),
        "occupation": FreshWattsStrogatz(people["occupation"], degree, inputs.REWIRED, "occupation"),
        "random": FreshRandom(people["stubs"], chain=archived("random_chain"), name="random"),
    }
    band = torch.tensor(inputs.BAND_OF_AGE)[people["age_group"].long()]
    normaliser = {
        "household": _household_normaliser(people["household"], archived("household_normaliser")),
        "occupation": means[people["occupation"].long()],
        "random": torch.tensor(inputs.RANDOM_CONTACTS)[band],
    }
    own = inputs.R * torch.tensor(inputs.SUSCEPTIBILITY)[people["age_group"].long()]
    return Setup(
        people=people.to(device),
        contacts={layer: network.to(device) for layer, network in contacts.items()},  # type: ignore[attr-defined]
        susceptibility={
            layer: (own * inputs.NETWORK_WEIGHT[layer] / normaliser[layer]).to(device) for layer in contacts
        },
        infectiousness=_infectiousness().to(device),
        stages=_stage_graph(archived("duration_scale")),
        mechanism=mechanism,
        testing=Testing(),
        quarantine=Quarantine(days=1 if archived("quarantine_days") else 14),
        campaign=Vaccination(second_adds=not archived("second_dose")),
    )


def _household_normaliser(household: torch.Tensor, archived: bool) -> torch.Tensor:
    """Members of the household, or (archived) the characters of "[id, id, ...]"."""
    number = household.long()
    size = torch.bincount(number)
    if not archived:
        return size[number].float()
    # Ids as the archive counts them, 0 to 99,999: the quirk is to be the same for any number of agents.
    ids = torch.arange(len(number)) * 100_000 // len(number)
    digits = torch.tensor([len(str(i)) for i in ids.tolist()])
    characters = torch.zeros_like(size).index_add_(0, number, digits) + 2 + 2 * (size - 1)
    return characters[number].float()


def _infectiousness() -> torch.Tensor:
    """Stage factor x share of the generation interval that falls on each day since infection (0 on day 0)."""
    shape = (inputs.GENERATION_MEAN / inputs.GENERATION_SD) ** 2
    scale = inputs.GENERATION_SD**2 / inputs.GENERATION_MEAN
    days = torch.arange(GENERATION_DAYS, dtype=torch.float64)
    below = torch.special.gammainc(torch.tensor(shape, dtype=torch.float64), days / scale)
    share = torch.diff(below, prepend=torch.zeros(1, dtype=torch.float64))
    return torch.outer(torch.tensor(inputs.INFECTIOUSNESS, dtype=torch.float64), share).float().flatten()


def _stage_graph(archived: bool) -> StageGraph:
    def duration(source: str, target: str) -> Duration:
        if (source, target) not in inputs.TIMES:
            return mean_days(0.0)
        mean, sd = inputs.TIMES[source, target]
        if sd is None:
            return mean_days(mean)
        return gamma_days(mean**2 / sd**2, mean / sd**2 if archived else sd**2 / mean)

    arrows = [Transition(source, target, p, duration(source, target)) for source, target, p in inputs.BRANCHES]
    return StageGraph(inputs.STAGES, arrows)


FirstCases: TypeAlias = Callable[[Population, Course], State]
"""Who is ill on day 0: `stage`, `infected_on` and `due` (day of the next change of stage), `[*replicates, agents]`."""


def first_cases_of_archive(people: Population, course: Course) -> State:
    """The archived first cases' stages and age groups, five per 100,000 agents, the agents chosen by noise."""
    agents = people.size
    luck = exogenous("first_case", agents, "uniform")
    stage = torch.zeros_like(luck, dtype=torch.uint8)
    rounds = max(1, round(agents / 100_000))
    wanted: dict[tuple[str, int], int] = {}
    for case in inputs.FIRST_CASES:
        wanted[case] = wanted.get(case, 0) + rounds
    for (name, age), count in wanted.items():
        among = torch.where((people["age_group"] == age) & (stage == 0), luck, torch.full_like(luck, 2.0))
        count = min(count, int((people["age_group"] == age).sum()))
        stage.scatter_(-1, among.topk(count, largest=False).indices, inputs.STAGES.index(name))
    days = look_up(course.days, stage).to(torch.int16)
    infected_on = torch.where(stage > 0, 0, NEVER).to(torch.int16)
    return {"stage": stage, "infected_on": infected_on, "due": days + 1}


def second_dose(study: Setup, days: int, first_cases: FirstCases = first_cases_of_archive) -> Rollout:
    """The epidemic with a vaccination campaign whose every decision is a policy.

    Tallies, by age group: `infections` (agents who leave the susceptible), `hospitalisations`, `deaths`; and
    `first_doses`, `second_doses`. Order of a day as in the archived program: results, swabs, quarantine,
    vaccination, infection, progression; all changes of stage show on the next day.

    Args:
        study: Population and tables.
        days: Days reported; the state at the START of each is counted, so days - 1 updates are run.
        first_cases: Who is ill on day 0.
    """
    people, mechanism, campaign = study.people, study.mechanism, study.campaign.decided()
    course = study.stages.course(people["age_group"])
    luck = campaign.luck(people.size)
    age = people["age_group"]
    seniority = (len(inputs.AGES) - 1 - age).to(torch.uint8)
    elderly = age >= 6 if mechanism.archived("under_65") else people["year"] >= 65
    scale = policy("contact_scale", 1.0).to(people.device)

    def day(s: State) -> State:
        today = s["t"].to(torch.int16)
        stage, infected = s["stage"], s["infected_on"] > NEVER

        tests, positive = study.testing.day(s, (stage == MILD) | (stage == SEVERE))
        isolation, isolated = study.quarantine.day(s, positive)
        doses = campaign.day(s, _eligible(mechanism, people, stage, isolated), seniority, elderly)
        protected = campaign.protected({**s, **doses}, luck)

        since = torch.where(infected, today - s["infected_on"], 0).clamp(max=GENERATION_DAYS - 1)
        sending = look_up(study.infectiousness, stage.int() * GENERATION_DAYS + since)
        received = exposure(study.contacts, torch.where(isolated, 0.0, sending))
        force = reduce(add, (study.susceptibility[layer] * received[layer] for layer in received))
        exposed = event("infection", s["contact_scale"] * force, where=~infected)
        breakthrough = exposed & protected & (s["sterilizing"] == 0)

        caught = exposed & ~protected
        after, due = course.enter_next(stage, s["due"], caught | (infected & (s["due"] == today)), today)
        if mechanism.archived("breakthrough"):
            # Shown as asymptomatic, but never flagged as infected: it neither transmits nor recovers.
            after = torch.where(breakthrough, ASYMPTOMATIC, after)
        else:
            caught = caught | breakthrough
            after, due = _asymptomatic(course.days, after, due, breakthrough, today)

        tally("infections", (stage == SUSCEPTIBLE) & (after != SUSCEPTIBLE), age, groups=len(inputs.AGES))
        tally("hospitalisations", (stage != HOSPITALISED) & (after == HOSPITALISED), age, groups=len(inputs.AGES))
        tally("deaths", (stage != DEATH) & (after == DEATH), age, groups=len(inputs.AGES))
        new = {"stage": after, "due": due, "infected_on": torch.where(caught, today, s["infected_on"])}
        return {**s, **tests, **isolation, **doses, **new}

    # Entries of the first state have no name here: it would keep them after the simulation has replaced them.
    return rollout(day, {**_nobody(study, campaign), **first_cases(people, course), "contact_scale": scale}, days - 1)


def _nobody(study: Setup, campaign: Vaccination) -> State:
    """The state before the first cases."""
    agents = study.people.size
    entries = {**study.testing.start(agents), **study.quarantine.start(agents), **campaign.start(agents)}
    return start(study.people, **entries)


def _eligible(mechanism: Mechanism, people: Population, stage: torch.Tensor, isolated: torch.Tensor) -> torch.Tensor:
    """Who may be vaccinated today."""
    if mechanism.archived("eligibility"):
        return (stage < HOSPITALISED) & ~isolated
    well = (stage < MILD) | (stage == RECOVERED)
    return well & ~isolated & (people["year"] >= YOUNGEST_VACCINATED)


def _asymptomatic(
    days: torch.Tensor, stage: torch.Tensor, due: torch.Tensor, where: torch.Tensor, today: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """An ordinary asymptomatic infection of the agents in `where`."""
    booked = (today + 1 + days[..., ASYMPTOMATIC]).to(torch.int16)
    return torch.where(where, ASYMPTOMATIC, stage).to(torch.uint8), torch.where(where, booked, due)
