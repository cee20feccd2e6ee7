"""A vaccination campaign of two doses: supply, shelf life, who comes first, and what a dose protects.

Every number that somebody decides is a policy, an entry of the state `[*dims, 1]`, so that worlds can differ in it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import torch

from causal_lpm import validate
from causal_lpm.agents.columns import flags, shortly
from causal_lpm.agents.days import NEVER, whole_day
from causal_lpm.agents.naming import named
from causal_lpm.kernels.quick_mode import without_quick_mode
from causal_lpm.ops.allocate import CLASSES, allocate
from causal_lpm.ops.events import event, hazard_of
from causal_lpm.ops.exogenous import exogenous
from causal_lpm.ops.looking import check, found
from causal_lpm.ops.policy import policy
from causal_lpm.ops.population import population
from causal_lpm.ops.simulation import once
from causal_lpm.ops.tally import tally
from causal_lpm.typing import State

__all__ = ["POLICIES", "Vaccination"]

POLICIES: Mapping[str, float] = MappingProxyType(
    {
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
)
"""Policies and their defaults. Doses a day are per 100,000 agents; intervals in days; switches are 0 or 1."""

SWITCHES = ("vaccination", "first_dose_priority", "sterilizing", "under_65_only")

_SHARES = (*SWITCHES, *(name for name in POLICIES if name.endswith("efficacy")))
_ORDER = (*_SHARES, *(name for name in POLICIES if name not in _SHARES))

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
        name: Stands before the policies, entries of the state, tallies and noise of the campaign: one name a campaign,
            since two of one name would have the same noise.

    Raises:
        ValueError: a probability outside [0, 1], a shelf life that is not a whole number from 0.
    """

    shelf_life: int = 2
    skip_second: float = 0.3
    second_adds: bool = True
    name: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        validate.probability("skip_second", self.skip_second)
        if self.shelf_life < 0 or not float(self.shelf_life).is_integer():
            raise ValueError(f"shelf_life is {self.shelf_life}: give whole days after delivery, at least 0.")

    def decided(self) -> "Vaccination":
        """The campaign with its schedules as sites; called once, before the rollout. This one has none."""
        return self

    def start(self, agents: int) -> State:
        """Nobody is vaccinated, nothing is in stock; the campaign's policies as sites and entries.

        Raises:
            ValueError: a policy below zero or NaN, an efficacy above one, a switch that is neither 0 nor 1.
        """
        policies = {name: policy(self._named(name), value) for name, value in POLICIES.items()}
        _check_policies(policies, self.name)
        stock = {f"stock_{age}": torch.zeros(1, dtype=torch.int64) for age in range(int(self.shelf_life))}
        doses, never = torch.zeros(agents, dtype=torch.uint8), torch.full((agents,), NEVER, dtype=torch.int16)
        return self._in_state({"doses": doses, "first_dose_day": never, **stock, **policies})

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
            ValueError: a seniority outside 0 to 63, an `eligible` or `elderly` that is not one bool an agent, a policy
                that an intervention made impossible, steps that are not days.
        """
        s, today = self._own(s), whole_day(s["t"])
        _check_policies(s, self.name)
        doses, t = s["doses"], s["t"]
        agents = doses.shape[-1]
        seniority, elderly = _seniority(seniority, agents), flags("elderly", elderly, agents)
        first = (doses == 0) & flags("eligible", eligible, agents)
        due = (doses == 1) & eligible & (s["first_dose_day"] <= _days_before(t, s["dose_interval"]))
        second = due & ~event(self._named("second_dose_skipped"), hazard_of(self.skip_second), where=due, at_once=True)
        delivered = self._delivered(s, agents)
        stock = [delivered, *(s[f"stock_{age}"] for age in range(int(self.shelf_life)))]
        supply = torch.stack(torch.broadcast_tensors(*stock)).sum(0)
        served = allocate(self._named("dose"), _priority(s, first, second, seniority, elderly), supply)
        given_first, given_second = served & first, served & second
        used = tally(self._named("first_doses"), given_first) + tally(self._named("second_doses"), given_second)
        first_dose_day = torch.where(given_first, today, s["first_dose_day"])
        new = {"doses": doses + served.to(torch.uint8), "first_dose_day": first_dose_day, **self._kept(stock, used)}
        return self._in_state(new)

    @staticmethod
    @without_quick_mode
    def _delivered(s: State, agents: int) -> torch.Tensor:
        """Whole doses delivered today; fractions of doses a day add up over the days of the campaign."""
        day = s["t"] - s["vaccination_start"].ceil()
        # More doses a day are as good as endless; up to here sums over all days are whole numbers in float64.
        rate = (s["doses_per_day"].double() * population(agents).total / 100_000).clamp(max=2.0**32)
        doses = ((day + 1) * rate + 1e-6).floor() - (day * rate + 1e-6).floor()
        return torch.where((day >= 0) & (s["vaccination"] > 0), doses, torch.zeros_like(doses)).long()

    @staticmethod
    @without_quick_mode
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
        """Two uniforms an agent: whether its first and its second dose protect; draw once, before the rollout.

        Raises:
            ValueError: under `KeyedNoise`, a second campaign without a name.
        """
        if not self.name:
            once("the noise of a campaign without a name")
        first = exogenous(self._named("dose_1"), agents, "uniform")
        return first, first if self.second_adds else exogenous(self._named("dose_2"), agents, "uniform")

    def protected(self, s: State, luck: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """Who is protected today, bool `[*dims, agents]`."""
        s, (first, second) = self._own(s), luck
        in_time = s["first_dose_day"] <= _days_before(s["t"], s["kick_in"])
        once = s["doses"] >= 1 if self.second_adds else s["doses"] == 1
        by_first = once & in_time & (first < s["first_dose_efficacy"])
        return by_first | ((s["doses"] == 2) & (second < s["second_dose_efficacy"]))

    def _named(self, what: str) -> str:
        return named(self.name, what)

    def _in_state(self, entries: State) -> State:
        """Entries of this campaign under the names that they have in a state."""
        return {self._named(entry): value for entry, value in entries.items()}

    def _own(self, s: State) -> State:
        """The time, and the entries of this campaign without its name."""
        if not self.name:
            return s
        front = self._named("")
        return {"t": s["t"], **{entry[len(front) :]: value for entry, value in s.items() if entry.startswith(front)}}


@without_quick_mode
def _check_policies(s: State, campaign: str) -> None:
    """Raises ValueError where a policy of the campaign is impossible."""
    # All at once: checks one after the other would take a noticeable part of a day.
    given = torch.stack(torch.broadcast_tensors(*(s[name] for name in _ORDER)), -1)
    shares, switches = given[..., : len(_SHARES)], given[..., : len(SWITCHES)]
    possible = (given >= 0).all() & (shares <= 1).all() & (switches == switches.round()).all()
    check((possible,), lambda: bool(possible), lambda: _impossible(s, campaign))


def _impossible(s: State, campaign: str) -> str:
    """What is wrong with the first policy that is impossible."""
    for name in _ORDER:
        value, highest = s[name], 1.0 if name in _SHARES else math.inf
        what = f"policy {named(campaign, name)!r} is {shortly(value)}"
        if not bool(((value >= 0) & (value <= highest)).all()):
            return f"{what}: it must be 0 to {highest:g}."
        if name in SWITCHES and not bool((value == value.round()).all()):
            return f"{what}: it is a switch, give 0 or 1."
    raise AssertionError("every policy is possible")


def _seniority(seniority: torch.Tensor, agents: int) -> torch.Tensor:
    """The classes of seniority, if they are such; else raises ValueError."""
    if seniority.shape != (agents,) or seniority.dtype.is_floating_point or seniority.dtype == torch.bool:
        raise ValueError(
            f"seniority is {seniority.dtype} of shape {tuple(seniority.shape)} for {agents} agents: "
            "give one whole number an agent."
        )
    check(
        (seniority,),
        lambda: int(seniority.max()) < SENIORITIES and (seniority.dtype == torch.uint8 or int(seniority.min()) >= 0),
        lambda: (
            f"seniority {highest} is above {SENIORITIES - 1}: merge some classes."
            if (highest := int(seniority.max())) >= SENIORITIES
            else f"seniority {int(seniority.min())} is below 0: give everybody a class, 0 for those served first."
        ),
    )
    return seniority


@without_quick_mode
def _days_before(t: torch.Tensor, days: torch.Tensor) -> torch.Tensor:
    """The last day that lies at least `days` before `t`, int16: whole days are compared with it."""
    # A time earlier than int16 holds is before all days, those before day 0 included.
    return (t - days).floor().clamp(min=-(2**15)).to(torch.int16)


def _priority(
    s: State, first: torch.Tensor, second: torch.Tensor, seniority: torch.Tensor, elderly: torch.Tensor
) -> torch.Tensor:
    """Classes for `allocate`: the leading doses before the others, the oldest first within each."""
    first_leads, asks = s["first_dose_priority"] > 0, first | second
    leading = (first & first_leads) | (second & ~first_leads)
    rank = torch.add(seniority.to(torch.int16), (~leading).to(torch.int16), alpha=SENIORITIES)
    if found(under_65_only := s["under_65_only"] > 0):
        rank = torch.add(rank, (under_65_only & ~elderly).to(torch.int16), alpha=2 * SENIORITIES)
    return torch.add(rank, (~asks).to(torch.int16), alpha=CLASSES)  # who does not ask stands behind all classes
