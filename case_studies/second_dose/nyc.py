"""The same question on New York City: its people, and the doses that were really given.

A scenario, not a calibration: contacts, first cases and prior immunity are stated assumptions, chosen so that the
factual world has about as many deaths as were reported. What is compared are two uses of the same daily supply.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from case_studies.second_dose import inputs
from case_studies.second_dose.age_groups import AgeGroupStudy, check_size
from case_studies.second_dose.delivered import PERSONS, POLICIES, DeliveredDoses, read_doses
from case_studies.second_dose.mechanism import mechanism
from case_studies.second_dose.model import NEVER, Setup, setup
from case_studies.second_dose.people import POPULATION_SEED, with_contacts
from case_studies.second_dose.replicate import one_replicate, people_by_age
from causal_lpm import State, exogenous
from causal_lpm.agents import Course, Population
from causal_lpm.inference import Options, Policy, References, Worlds, known, probability

__all__ = ["NewYork", "load", "new_york"]

# Persons by borough and age, 2019: NYC Department of Health and Mental Hygiene, vaccination data (sum 8,336,817).
AGE_STARTS = (0, 5, 13, 18, 25, 35, 45, 55, 65, 75, 85, 100)
POPULATION = MappingProxyType(
    {
        "Bronx": (100199, 154711, 92111, 139344, 227383, 179394, 173765, 162535, 104703, 57576, 26487),
        "Brooklyn": (182926, 251975, 140162, 207828, 470041, 357986, 295366, 285735, 210243, 106661, 50980),
        "Manhattan": (76144, 99199, 55915, 145649, 361879, 234157, 195583, 184059, 149311, 86486, 40324),
        "Queens": (137095, 195919, 114792, 172178, 359677, 306195, 299201, 300468, 207879, 109210, 51244),
        "Staten Island": (27354, 45755, 29866, 39672, 64719, 59174, 64172, 66130, 46659, 22739, 9903),
    }
)
DOSES = Path(__file__).with_name("data") / "nyc_vaccine_doses_daily.csv"
REPORTED_DEATHS = 8_935  # 2020-12-14 to 2021-06-11, NYC DOHMH, nychealth/coronavirus-data
BEGINNING_DAYS = 14


@functools.lru_cache(maxsize=2)
def new_york(agents: int, seed: int = POPULATION_SEED) -> Population:
    """Agents with borough and year of age as in New York City; households, occupations and contacts of King County."""
    rng = np.random.default_rng([seed, 2])
    persons = np.array(list(POPULATION.values()), dtype=np.float64)
    cell = rng.choice(persons.size, size=agents, p=(persons / persons.sum()).ravel())
    borough, group = np.divmod(cell, persons.shape[1])
    low, high = np.asarray(AGE_STARTS)[group], np.asarray(AGE_STARTS)[group + 1]
    year = (low + rng.random(agents) * (high - low)).astype(np.uint8)
    people = Population(
        {
            "borough": torch.from_numpy(borough.astype(np.uint8)),
            "age_group": torch.from_numpy((year // 10).clip(max=8).astype(np.uint8)),
        },
        {"borough": tuple(POPULATION), "age_group": inputs.AGES},
    )
    return with_contacts(people, seed).with_attributes(year=torch.from_numpy(year))


@dataclass(frozen=True)
class _Beginning:
    """First cases of a city in the middle of an epidemic: some are immune, and some fell ill each of the last days."""

    immune: float
    daily_infections: float
    days: int = BEGINNING_DAYS

    def __call__(self, people: Population, course: Course) -> State:
        luck = exogenous("beginning", people.size, "uniform")
        stage = torch.where(luck < self.immune, inputs.RECOVERED, inputs.SUSCEPTIBLE).to(torch.uint8)
        infected_on = torch.where(luck < self.immune, -self.days - 1, NEVER).to(torch.int16)
        due = torch.full(luck.shape, 10_000, dtype=torch.int16, device=luck.device)
        for number, day in enumerate(range(-self.days, 0)):
            low = self.immune + number * self.daily_infections
            new = (luck >= low) & (luck < low + self.daily_infections)
            today = torch.tensor(day, dtype=torch.int16)
            stage, due = course.enter_next(stage, due, new | (due == today), today)
            infected_on = torch.where(new, today, infected_on)
        return {"stage": stage, "infected_on": infected_on, "due": due}


def _policies() -> dict[str, Policy]:
    def listed(name: str, description: str, high: float, switch: bool = False, integer: bool = False) -> Policy:
        return Policy(name, POLICIES[name], description, 0, high, integer=integer, switch=switch)

    policies = (
        listed("vaccination", "whether anybody is vaccinated", 1, switch=True),
        listed("second_dose_delay", "days by which second doses are put off", 365, integer=True),
        listed("first_dose_efficacy", "share protected by one dose", 1),
        listed("second_dose_efficacy", "share protected by two doses", 1),
        listed("sterilizing", "whether the protected cannot be infected at all", 1, switch=True),
        listed("kick_in", "days until a first dose protects", 365, integer=True),
        Policy("contact_scale", 0.5, "contacts relative to the published ones", 0, 10),
    )
    return {policy.name: policy for policy in policies}


@dataclass(frozen=True)
class NewYork(AgeGroupStudy):
    """Eight more weeks between the doses in New York City, the freed doses given as first doses."""

    doses: Path
    start_date: str
    version: str = "described"
    immune: float = 0.25
    daily_infections: float = 0.0016

    name = "second-dose"
    title = "Delaying the second vaccine dose (New York City, doses as given)"
    source = inputs.SOURCE + "; NYC Department of Health and Mental Hygiene"

    @property
    def policies(self) -> Mapping[str, Policy]:
        """Policies of this variant."""
        return _policies()

    def worlds(self, size: str) -> tuple[Worlds, References]:
        """As it was, and second doses eight weeks later; `full` adds other delays and efficacies."""
        known("size of the study", size, ("demo", "main", "full"))
        chosen, references = {"no vaccine": {"vaccination": 0.0}}, {}
        for efficacy in (0.9, 0.8, 0.7, 0.6) if size == "full" else (0.8,):
            factual = f"as given, efficacy {efficacy:g}"
            chosen[factual] = {"first_dose_efficacy": efficacy}
            for weeks in (4, 8, 12) if size == "full" else (8,):
                later = f"{weeks} weeks later, efficacy {efficacy:g}"
                chosen[later] = {"second_dose_delay": 7.0 * weeks, "first_dose_efficacy": efficacy}
                references[later] = factual
        return chosen, references

    def check(self, worlds: Worlds, options: Options) -> None:
        """Raises ValueError for a file of doses or assumptions that cannot be used, or more agents than memory."""
        check_size(options, len(worlds))
        read_doses(self.doses, options.days)
        mechanism(self.version)
        probability("immune", self.immune)
        probability("daily_infections", self.daily_infections)
        probability("immune and infected at the start", self.immune + BEGINNING_DAYS * self.daily_infections)

    def group_sizes(self, options: Options) -> npt.NDArray[Any]:
        """Agents in each age group."""
        return people_by_age(new_york(options.agents))

    def simulate(self, worlds: Worlds, options: Options, seed: int) -> dict[str, npt.NDArray[Any]]:
        """One replicate: `[world, age group, day]` new counts."""
        prepared = _prepared(options.agents, self.version, options.device)
        _, first, second = read_doses(self.doses, options.days)
        campaign = DeliveredDoses(
            second_adds=prepared.campaign.second_adds,
            first=_scaled(first, options.agents).to(options.device),
            second=_scaled(second, options.agents).to(options.device),
        )
        beginning = _Beginning(self.immune, self.daily_infections)
        # The model's own contacts are the published ones: this study's defaults are written out in every world.
        defaults = {name: policy.default for name, policy in self.policies.items()}
        written = {name: {**defaults, **policies} for name, policies in worlds.items()}
        return one_replicate(replace(prepared, campaign=campaign), written, options.days, seed, beginning)


def _scaled(persons: torch.Tensor, agents: int) -> torch.Tensor:
    """Doses a day for `agents` instead of the city's people: whole, and right in sum."""
    total = (persons.cumsum(0) * (agents / PERSONS)).floor()
    return torch.diff(total, prepend=torch.zeros(1, dtype=total.dtype)).float()


@functools.lru_cache(maxsize=2)
def _prepared(agents: int, version: str, device: str) -> Setup:
    return setup(new_york(agents), mechanism(version), device)


def load(extra: Mapping[str, str | float]) -> NewYork:
    """The study of New York City; options `doses=FILE`, `mechanism`, `immune`, `daily_infections` have defaults.

    Raises:
        ValueError: a file of doses that is not there or cannot be used; an unknown option.
    """
    for key in extra:
        known("option", key, ("population", "doses", "mechanism", "immune", "daily_infections"))
    path = Path(str(extra.get("doses", DOSES)))
    first_day, _, _ = read_doses(path, 2)
    assumed = {key: extra.get(key, getattr(NewYork, key)) for key in ("immune", "daily_infections")}
    for key, value in assumed.items():
        if not isinstance(value, int | float):
            raise ValueError(f"option {key!r} is {value!r}: give a number between 0 and 1.")
    version = str(extra.get("mechanism", NewYork.version))
    return NewYork(path, first_day.isoformat(), version, float(assumed["immune"]), float(assumed["daily_infections"]))
