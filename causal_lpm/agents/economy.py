"""Work, income and isolation: decided once a month by archetypes' logits, in a simulation that goes by days.

A model's day asks whether a month begins, decides if so, and uses what follows:

    economy = Economy(kinds, month_starts("2020-09-01", months=7), wage=people["wage"])
    tastes = economy.tastes()
    state = start(people, **economy.start(unemployment=0.14))

    def day(s):
        if economy.begins(s["t"]):
            z = asked.standardised(payment=economy.payment(s), ...)
            s = s | economy.month(s, willing.logits(z), isolating.logits(z), tastes, separation=0.02, finding=0.25)
        tally("unemployed", economy.unemployed(s), people["borough"], groups=5)
        contacts = economy.contacts(s, kept=0.3)
        force = exposure(network, infectious * contacts) * contacts
        ...
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch

from causal_lpm import validate
from causal_lpm.agents.archetypes.archetypes import Archetypes
from causal_lpm.agents.archetypes.decisions import decide
from causal_lpm.agents.columns import shortly
from causal_lpm.agents.days import whole_day
from causal_lpm.agents.naming import named
from causal_lpm.ops.events import event
from causal_lpm.ops.exogenous import exogenous
from causal_lpm.ops.looking import check
from causal_lpm.ops.number_types import numbers, single_precision
from causal_lpm.ops.policy import policy
from causal_lpm.ops.simulation import once
from causal_lpm.typing import Hazard, State

__all__ = ["Economy", "Tastes", "month_starts"]


def month_starts(first_day: str | datetime.date, months: int) -> tuple[int, ...]:
    """The days on which calendar months begin, from day 0 on, which begins the first whatever its date.

    Args:
        first_day: Date of day 0, such as "2020-09-01".
        months: How many.

    Raises:
        ValueError: a text that is no date, less than one month.

    >>> month_starts("2020-09-01", 4)
    (0, 30, 61, 91)
    >>> month_starts("2020-09-21", 3)
    (0, 10, 41)
    """
    validate.positive_count("months", months)
    begin = datetime.date.fromisoformat(first_day) if isinstance(first_day, str) else first_day
    starts, year, month = [0], begin.year, begin.month
    for _ in range(int(months) - 1):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        starts.append((datetime.date(year, month, 1) - begin).days)
    return tuple(starts)


class Tastes(NamedTuple):
    """What makes agents of one archetype decide differently, the same in all months: Exp(1) `[*replicates, agents]`."""

    willing: torch.Tensor
    isolates: torch.Tensor


@dataclass(frozen=True, eq=False)
class Economy:
    """Willingness to work, employment, income and isolation of all agents.

    Who is willing to work, and who isolates, is decided at the beginning of each month, with probability sigmoid of the
    archetype's logit, by a taste that an agent keeps: so it changes its mind only where its logit changes. Who is
    willing and has no work finds some with a monthly hazard; who has work loses it with another, or leaves it when no
    longer willing.

    Entries of the state are `willing`, `employed` and `isolates`, bool `[*dims, agents]`, and three policies:
    `payment`, dollars a month to everybody; `payment_start`, the day from which on it is paid; `supplement`, dollars a
    month on top of unemployment benefits.

    Args:
        archetypes: Of all agents.
        starts: Days on which months begin, as from `month_starts`; the first is 0, and the last month does not end.
        wage: Dollars a month of who works, a number or float `[agents]`.
        paid: Dollars paid to everybody in each month whatever the policies, one a month; nothing where none are given.
        replacement: Share of the wage that unemployment benefits replace.
        highest_benefit: Dollars a month that they do not exceed, the supplement left out.
        name: Stands before the entries, policies and noise: one name an economy.

    Raises:
        ValueError: days that do not ascend from 0, payments for another number of months, a share outside [0, 1],
            negative dollars, a wage for another number of agents.

    >>> from causal_lpm.agents import Population, start
    >>> from causal_lpm import KeyedNoise, rollout
    >>> people = Population({"age": torch.arange(2).repeat(500)}, {"age": ("young", "old")})
    >>> economy = Economy(Archetypes.from_columns(people, ["age"]), starts=(0, 30), wage=3000.0)
    >>> with KeyedNoise(1):
    ...     tastes = economy.tastes()
    ...     s = {**start(people, **economy.start(unemployment=0.1)), "t": torch.tensor(0.0)}
    ...     s = s | economy.month(s, torch.tensor([2.0, -2.0]), torch.zeros(2), tastes, separation=0.02, finding=0.3)
    >>> old = people["age"] == 1
    >>> int(s["willing"][~old].sum()), int(s["willing"][old].sum())  # 500 times sigmoid(2) and sigmoid(-2)
    (437, 56)
    >>> bool((s["employed"] <= s["willing"]).all())
    True
    """

    archetypes: Archetypes
    starts: Sequence[int]
    wage: torch.Tensor | float
    paid: Sequence[float] = ()
    replacement: float = 0.5
    highest_benefit: float = 2184.0
    name: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        starts = [validate.whole_number("the first day of a month", day, low=0) for day in self.starts]
        if not starts or starts[0] != 0 or any(a >= b for a, b in itertools.pairwise(starts)):
            raise ValueError(f"months begin on the days {tuple(self.starts)}: give ascending days from 0.")
        if self.paid and len(self.paid) != len(starts):
            raise ValueError(f"{len(starts)} months have {len(self.paid)} payments: give one a month, or none.")
        validate.probability("replacement", self.replacement)
        wage = numbers("the wage", self.wage)
        if wage.shape not in ((1,), (self.archetypes.agents,)):
            raise ValueError(
                f"the wage has shape {tuple(wage.shape)} for {self.archetypes.agents} agents: give one number, or one "
                "an agent."
            )
        for what, dollars in (
            ("the wage", wage),
            ("paid", self.paid or (0.0,)),
            ("highest_benefit", self.highest_benefit),
        ):
            _not_negative(what, single_precision(what, dollars))

    def start(self, unemployment: torch.Tensor | float) -> State:
        """Who has work before the first month, and the policies as sites and entries.

        Args:
            unemployment: Share of those willing to work who have none, a number, `[*dims, 1]` or `[*dims, agents]`.

        Raises:
            ValueError: a share outside [0, 1], a policy below zero.
        """
        share = _share("unemployment is", unemployment)
        agents, device = self.archetypes.agents, self.archetypes.index.device
        hazard = (-share.log()).to(device).expand(*share.shape[:-1], agents)
        employed = event(self._named("employed_before"), hazard, at_once=True)
        nobody = torch.zeros(agents, dtype=torch.bool, device=device)
        policies = {what: policy(self._named(what), 0.0) for what in ("payment", "payment_start", "supplement")}
        for what, value in policies.items():
            _not_negative(f"policy {self._named(what)!r}", value)
        entries = {"willing": nobody, "employed": employed, "isolates": nobody.clone(), **policies}
        return {self._named(what): value for what, value in entries.items()}

    def tastes(self) -> Tastes:
        """The tastes of all agents; drawn once, before the rollout.

        Raises:
            ValueError: under `KeyedNoise`, a second economy without a name.
        """
        if not self.name:
            once("the tastes of an economy without a name")
        agents = self.archetypes.agents
        return Tastes(exogenous(self._named("willing"), agents), exogenous(self._named("isolates"), agents))

    def begins(self, t: torch.Tensor) -> bool:
        """Whether a month begins today; raises ValueError where steps are not days."""
        return int(whole_day(t)) in self.starts

    def month_number(self, t: torch.Tensor) -> int:
        """The number of the month that contains today, from 0; raises ValueError where steps are not days."""
        today = int(whole_day(t))
        return sum(day <= today for day in self.starts) - 1

    def payment(self, s: State) -> torch.Tensor:
        """Dollars that everybody gets in this month, `[*dims, 1]`: what was paid, and what the policy adds to it.

        Raises:
            ValueError: a policy that an intervention made negative.
        """
        dollars, month = self._of(s, "payment"), self.month_number(s["t"])
        _not_negative(f"policy {self._named('payment')!r}", dollars)
        added = torch.where(s["t"] >= self._of(s, "payment_start"), dollars, torch.zeros_like(dollars))
        return added + (float(self.paid[month]) if self.paid else 0.0)

    def month(
        self,
        s: State,
        willing: torch.Tensor,
        isolating: torch.Tensor,
        tastes: Tastes,
        *,
        separation: Hazard,
        finding: Hazard,
    ) -> State:
        """The decisions of a month, then who loses and who finds work; called on the days on which one begins.

        Args:
            s: State with `t` and the entries of `start`.
            willing: Logits of being willing to work, `[*dims, A]`.
            isolating: Logits of isolating, `[*dims, A]`.
            tastes: Of all agents, from `tastes`.
            separation: Hazard in the month of losing work, a number, `[*dims, 1]` or `[*dims, agents]`.
            finding: Hazard in the month of finding work, for who is willing and has none.

        Returns:
            The changed entries.

        Raises:
            ValueError: logits that are not one an archetype, or NaN; a negative hazard.
        """
        will = decide(self._named("willing"), willing, self.archetypes, noise=tastes.willing)
        home = decide(self._named("isolates"), isolating, self.archetypes, noise=tastes.isolates)
        kept, searching = self._of(s, "employed") & will, ~self._of(s, "employed") & will
        lost = event(self._named("separation"), separation, where=kept)
        found = event(self._named("job_found"), finding, where=searching)
        changed = {"willing": will, "employed": (kept & ~lost) | found, "isolates": home}
        return {self._named(what): value for what, value in changed.items()}

    def unemployed(self, s: State) -> torch.Tensor:
        """Who is willing to work and has none, bool `[*dims, agents]`."""
        return self._of(s, "willing") & ~self._of(s, "employed")

    def income(self, s: State) -> torch.Tensor:
        """Dollars that each agent gets in this month, float32 `[*dims, agents]`: its wage or benefits, and payments."""
        wage = single_precision("the wage", self.wage).to(self.archetypes.index.device)
        benefit = (self.replacement * wage).clamp(max=self.highest_benefit) + self._of(s, "supplement")
        earned = torch.where(self._of(s, "employed"), wage, torch.where(self.unemployed(s), benefit, 0.0))
        return earned + self.payment(s)

    def contacts(self, s: State, kept: torch.Tensor | float) -> torch.Tensor:
        """The share of its contacts that each agent has today, float32 `[*dims, agents]`.

        Args:
            s: State with the entries of `start`.
            kept: The share that who isolates keeps, a number, `[*dims, 1]` or `[*dims, agents]`.

        Raises:
            ValueError: a share outside [0, 1].
        """
        share = _share("the contacts kept are", kept)
        return torch.where(self._of(s, "isolates"), share, 1.0)

    def _named(self, what: str) -> str:
        return named(self.name, what)

    def _of(self, s: State, what: str) -> torch.Tensor:
        return s[self._named(what)]


def _share(what: str, value: torch.Tensor | float) -> torch.Tensor:
    """The value as float32; raises ValueError outside [0, 1]."""
    share = single_precision(what.rpartition(" ")[0], value)
    check(
        (share,),
        lambda: bool(((share >= 0) & (share <= 1)).all()),
        lambda: f"{what} {shortly(share)}: give shares from 0 to 1.",
    )
    return share


def _not_negative(what: str, dollars: torch.Tensor) -> None:
    check(
        (dollars,),
        lambda: bool((dollars >= 0).all()),
        lambda: f"{what} is {shortly(dollars)}: give numbers of at least 0.",
    )
