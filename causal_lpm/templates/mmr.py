"""Who is immune to measles: by doses of MMR at each age, by infection long ago, by mothers, and by a campaign."""

import torch

from causal_lpm.agents import NEVER, MaternalProtection
from causal_lpm.ops import exogenous, policy
from causal_lpm.templates.parameters import Parameter, parameter
from causal_lpm.typing import State

__all__ = ["Mmr"]

ONE_DOSE, TWO_DOSES = 0.93, 0.97
"""Share that a dose and two doses of MMR protect. Source: McLean et al. 2013, MMWR Recomm Rep 62(RR-4):1."""


class Mmr:
    """Immunity on day 0, and what mothers and doses do from then on.

    First doses are given in the year after the first birthday, second ones from the fifth on; whoever has a second dose
    has the first. The policies `mmr_added` (to the coverage with either dose), `campaign_day` (-1 for never) and
    `campaign_reach` (share of all children from 1 to 17) are sites of the model.

    Args:
        age: Years, int64 `[agents]`.
        mmr_1: Share of children with a first dose.
        mmr_2: Share of children with a second dose.
        adults_immune: Share of those from 18 to 49 who are immune; all older ones are.
        maternal_days: Mean days for which newborns are protected by their mothers, exponentially distributed.
    """

    def __init__(
        self, age: torch.Tensor, mmr_1: Parameter, mmr_2: Parameter, adults_immune: Parameter, maternal_days: Parameter
    ) -> None:
        self.age, size, self.maternal = age, len(age), MaternalProtection()
        self._luck, birthday, mother, self._reached = (exogenous(f"mmr_{k}", size, "uniform") for k in range(4))
        self.added, self.campaign_day = policy("mmr_added", 0.0), policy("campaign_day", NEVER)
        self.campaign_reach = policy("campaign_reach", 0.8)
        first = (parameter("mmr_1", mmr_1, 0, 1) + self.added).clamp(0, 1)
        second = torch.minimum((parameter("mmr_2", mmr_2, 0, 1) + self.added).clamp(0, 1), first)
        by_infection = torch.where(age < 50, parameter("adults_immune", adults_immune, 0, 1), 1.0)
        by_doses = torch.where(age < 5, ONE_DOSE * first, ONE_DOSE * (first - second) + TWO_DOSES * second)
        self.immune = (age >= 1) & (self._luck < torch.where(age < 18, by_doses, by_infection))
        self._first, self._days = ONE_DOSE * first, (age + birthday) * 365.25
        self._mean = parameter("maternal_days", maternal_days, 1)
        # An exponential time has no memory: whoever is protected still is so for a mean of days from now on.
        self.protected = (age < 1) & (mother < torch.exp(-self._days / self._mean))

    def start(self) -> State:
        """Entries of the state: the campaign, and who is protected by a mother until when."""
        none = {**self.maternal.start(len(self.age)), "t": torch.zeros(())}
        changed = self.maternal.born(none, self.protected, self.protected, self._mean)
        campaign = {"campaign_day": self.campaign_day, "campaign_reach": self.campaign_reach}
        return {**self.maternal.start(len(self.age)), **changed, **campaign}

    def dosed(self, s: State) -> torch.Tensor:
        """Whom a dose protects from today on: on the first birthday, or by the campaign; bool `[*dims, agents]`."""
        birthday = (self._days + s["t"]).floor() == 366
        child = (self.age >= 1) & (self.age < 18)
        campaign = (s["t"] == s["campaign_day"]) & child & (self._reached < ONE_DOSE * s["campaign_reach"])
        return (birthday & (self._luck < self._first)) | campaign
