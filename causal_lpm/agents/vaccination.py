"""A vaccination campaign of two doses: supply, shelf life, who comes first, and what a dose protects.

Every number that somebody decides is a policy, an entry of the state `[*dims, 1]`, so that worlds can differ in it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from causal_lpm import validate
from causal_lpm.agents.testing import NEVER, whole_day
from causal_lpm.ops import allocate, event, exogenous, hazard_of, policy, tally
from causal_lpm.ops.allocate import CLASSES
from causal_lpm.typing import State

__all__ = ["POLICIES", "Vaccination"]

POLICIES: Mapping[str, float] = {
    "vaccination": 1.0,
    "vaccination_start": 10.0,
    "doses_per_day": 333.0,
    "first_dose_priority": 0.0,
    "dose_interval": 21.0,
    "first_dose_efficacy": 0.8,
    "second_dose_efficacy": 0.95,
    "kick_in": 14.0,
    "sterilizing": 0.0,
    "under_65_only": 0.0,
}
"""Policies and their defaults. Doses a day are per 100,000 agents; intervals in days; switches are 0 or 1."""

SENIORITIES = CLASSES // 4
"""Classes of seniority: within each, elderly or not, and leading dose or not, are told apart."""


@dataclass(frozen=True)
class Vaccination:
    """All-or-nothing protection by two doses in short supply.

    A first dose protects with probability `first_dose_efficacy` from `kick_in` days after it. A second dose, at least
    `dose_interval` days after the first, protects from the day on which it is given.

    Args:
        shelf_life: Days after its delivery on which a dose can still be given; oldest doses go first.
        skip_second: Probability a day that somebody who is due for a second dose does not come.
        second_adds: True: the second dose can only add protection (one draw an agent decides, against both
            efficacies). False: it replaces the first dose's protection by a new draw.

    Raises:
        ValueError: a probability outside [0, 1], a negative shelf life.
    """

    shelf_life: int = 2
    skip_second: float = 0.3
    second_adds: bool = True

    def __post_init__(self) -> None:
        validate.probability("skip_second", self.skip_second)
        if self.shelf_life < 0:
            raise ValueError(f"shelf_life is {self.shelf_life}: days after delivery, at least 0.")

    def decided(self) -> "Vaccination":
        """The campaign with its schedules as sites; called once, before the rollout. This one has none."""
        return self

    def start(self, agents: int) -> State:
        """Nobody is vaccinated, nothing is in stock; the campaign's policies as sites and entries.

        Raises:
            ValueError: a policy below zero or NaN, an efficacy above one.
        """
        policies = {name: policy(name, value) for name, value in POLICIES.items()}
        for name, value in policies.items():
            highest = 1.0 if name.endswith("efficacy") else math.inf
            if not bool(((value >= 0) & (value <= highest)).all()):
                raise ValueError(f"policy {name!r} is {value.flatten().tolist()}: it must be 0 to {highest:g}.")
        return {
            "doses": torch.zeros(agents, dtype=torch.uint8),
            "first_dose_day": torch.full((agents,), NEVER, dtype=torch.int16),
            **{f"stock_{age}": torch.zeros(1, dtype=torch.int64) for age in range(self.shelf_life)},
            **policies,
        }

    def day(self, s: State, eligible: torch.Tensor, seniority: torch.Tensor, elderly: torch.Tensor) -> State:
        """One day of the campaign; tallies `first_doses` and `second_doses`.

        Args:
            s: State with `t` and the entries of `start`.
            eligible: bool `[*dims, agents]`: may be vaccinated today at all.
            seniority: uint8 `[agents]`: 0 for those served first within a class of doses (the oldest), up to 63.
            elderly: bool `[agents]`: served before all others in worlds with the policy `under_65_only`.

        Returns:
            The changed entries.

        Raises:
            ValueError: a seniority above 63.
        """
        if int(seniority.max()) > SENIORITIES - 1:
            raise ValueError(f"seniority {int(seniority.max())} is above {SENIORITIES - 1}: merge some classes.")
        doses, t = s["doses"], s["t"]
        agents = doses.shape[-1]
        first = (doses == 0) & eligible
        due = (doses == 1) & eligible & (s["first_dose_day"] <= _days_before(t, s["dose_interval"]))
        second = due & ~event("second_dose_skipped", hazard_of(self.skip_second), where=due)
        delivered = self._delivered(s, agents)
        stock = [delivered, *(s[f"stock_{age}"] for age in range(self.shelf_life))]
        supply = torch.stack(torch.broadcast_tensors(*stock)).sum(0)
        served = allocate("dose", _priority(s, first, second, seniority, elderly), supply)
        given_first, given_second = served & first, served & second
        used = tally("first_doses", given_first) + tally("second_doses", given_second)
        today = whole_day(t)
        return {
            "doses": doses + served.to(torch.uint8),
            "first_dose_day": torch.where(given_first, today, s["first_dose_day"]),
            **self._kept(stock, used),
        }

    @staticmethod
    def _delivered(s: State, agents: int) -> torch.Tensor:
        """Whole doses delivered today, so that a fraction a day adds up over the days."""
        day = s["t"] - s["vaccination_start"]
        rate = s["doses_per_day"].double() * agents / 100_000
        doses = ((day + 1) * rate + 1e-6).floor() - (day * rate + 1e-6).floor()
        return torch.where((day >= 0) & (s["vaccination"] > 0), doses, torch.zeros_like(doses)).long()

    @staticmethod
    def _kept(stock: list[torch.Tensor], used: torch.Tensor) -> State:
        """What is left of each day's delivery when the oldest doses are used first; the oldest rest expires."""
        kept: State = {}
        for age in range(len(stock) - 1, -1, -1):
            take = torch.minimum(stock[age], used)
            used = used - take
            if age < len(stock) - 1:
                kept[f"stock_{age}"] = stock[age] - take
        return kept

    def luck(self, agents: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Two uniforms an agent: whether its first and its second dose protect; draw once, before the rollout."""
        first = exogenous("dose_1", agents, "uniform")
        return first, first if self.second_adds else exogenous("dose_2", agents, "uniform")

    def protected(self, s: State, luck: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """Who is protected today, bool `[*dims, agents]`."""
        first, second = luck
        in_time = s["first_dose_day"] <= _days_before(s["t"], s["kick_in"])
        once = s["doses"] >= 1 if self.second_adds else s["doses"] == 1
        by_first = once & in_time & (first < s["first_dose_efficacy"])
        return by_first | ((s["doses"] == 2) & (second < s["second_dose_efficacy"]))


def _days_before(t: torch.Tensor, days: torch.Tensor) -> torch.Tensor:
    """The last day that lies at least `days` before `t`, int16: whole days are compared with it."""
    # No dose is given before day 0: anything earlier is the same, and fits the type.
    return (t - days).floor().clamp(min=NEVER - 1).to(torch.int16)


def _priority(
    s: State, first: torch.Tensor, second: torch.Tensor, seniority: torch.Tensor, elderly: torch.Tensor
) -> torch.Tensor:
    """Classes for `allocate`: the leading doses before the others, the oldest first within each."""
    first_leads, asks = s["first_dose_priority"] > 0, first | second
    leading = (first & first_leads) | (second & ~first_leads)
    rank = torch.add(seniority.to(torch.int16), (~leading).to(torch.int16), alpha=SENIORITIES)
    if bool((under_65_only := s["under_65_only"] > 0).any()):
        rank = torch.add(rank, (under_65_only & ~elderly).to(torch.int16), alpha=2 * SENIORITIES)
    return torch.add(rank, (~asks).to(torch.int16), alpha=CLASSES)  # who does not ask stands behind all classes
