"""The winter among the agents: epidemic and work together, as a Pyro program whose payment is a policy."""

from collections.abc import Callable
from typing import Protocol

import torch

from case_studies.nyc_first_wave.delays import REPORTED
from case_studies.nyc_first_wave.model import AT_HOME
from case_studies.nyc_first_wave.reports import INFECTIOUS, LATENT
from case_studies.stimulus_nyc.parameters import LOCAL, parameters
from case_studies.stimulus_nyc.people import AT_WORK, GROUPS, IN_BOROUGH, INCOMES, Residents
from case_studies.stimulus_nyc.question import BOROUGHS
from case_studies.stimulus_nyc.reports import EFFICACY, TAKES_EFFECT, history, immune, local, report, season
from case_studies.stimulus_nyc.winter import DAYS, FIRST_DAY, HISTORY, MONTHS
from case_studies.weekly_reports import weekly
from causal_lpm import State, event, exogenous, exposure, policy, rollout, tally
from causal_lpm.agents import Economy, month_starts, start

__all__ = ["CONTACTS", "STARTS", "Habits", "by_borough", "winter_of"]

CONTACTS = IN_BOROUGH + AT_WORK
STARTS = month_starts(FIRST_DAY.date(), len(MONTHS))
NEVER, LONG_AGO = 20_000, -20_000
MONTHLY = ("employed", "unemployed", "isolating")


class Habits(Protocol):
    """How people behave, by archetype, with the parameters of one draw or of several side by side."""

    def willing(self, cases: torch.Tensor, payment: torch.Tensor, month: int) -> torch.Tensor:
        """Logits of being willing to work, `[*dims, A]`.

        Args:
            cases: Reported in the month before, per 100,000 residents of the city, `[*dims, 1]`.
            payment: Dollars to everybody in this month, `[*dims, 1]`.
            month: Number of the month, from 0.
        """
        ...

    def isolating(self, cases: torch.Tensor, payment: torch.Tensor, month: int) -> torch.Tensor:
        """Logits of isolating, likewise."""
        ...

    def separation(self, cases: torch.Tensor) -> torch.Tensor:
        """Hazard of losing work in a month, `[*dims, A]`."""
        ...

    def finding(self) -> torch.Tensor:
        """Hazard of finding work in a month, `[*dims, A]`."""
        ...


def winter_of(here: Residents, habits: Callable[[], Habits], days: int = DAYS) -> dict[str, torch.Tensor]:
    """The winter of 2020-21: parameters from their priors, behaviour, epidemic, reports.

    Policies: `payment` (dollars a month to everybody beyond what was paid), `payment_start` (first day of it) and
    `follows_cases` (1 where people and firms react to the cases of their own world; 0, the default, where they react to
    those that were reported).

    Args:
        here: Agents and reports.
        habits: Samples how people behave.
        days: Simulated from 1 September 2020, whole weeks.

    Returns:
        Persons by week: `infections` and `fatal`, those of whom death is expected, `[*dims, 15, weeks]`, expected
        cases and deaths `[*dims, 5, weeks]`. Persons in each month, `[*dims, 15, months]`: `employed`, `unemployed`,
        `isolating` (adults).
    """
    p, people = parameters(), here.people
    before, known = history(p, here.reported), immune(p, here.reported)
    usual = habits()
    # From here on luck and parameters meet: agents in the last dimension, draws to its left.
    economy = Economy(here.kinds, STARTS, here.wage, paid=here.reported.paid)
    borough, group, adult = people["borough"].long(), people["group"], people["age"] > 0
    nobody, tastes = torch.zeros(people.size, dtype=torch.bool), economy.tastes()
    latent = LATENT.draw(exogenous("latent", people.size, "uniform")).short()
    recovered = latent + INFECTIOUS.draw(exogenous("infectious", people.size, "uniform")).short()
    protected_from = _protected(here)
    per_contact = p["transmission"] / (INFECTIOUS.mean() * CONTACTS)
    places = (per_contact * local(p, LOCAL)).index_select(-1, borough)

    def day(s: State) -> State:
        today = int(s["t"])
        if economy.begins(s["t"]):
            month = economy.month_number(s["t"])
            observed = here.reported.cases_before[month]
            cases = torch.where(s["follows_cases"] > 0, s["month_cases"] if month else observed, observed)
            payment = economy.payment(s)
            separation = usual.separation(cases).index_select(-1, here.kinds.index)
            finding = usual.finding().index_select(-1, here.kinds.index)
            decided = economy.month(
                s,
                usual.willing(cases, payment, month),
                usual.isolating(cases, payment, month),
                tastes,
                separation=separation,
                finding=finding,
            )
            s = s | decided | {"month_cases": torch.zeros_like(s["month_cases"])}
        age = today - s["infected_on"]
        infectious = (age >= latent) & (age < recovered)
        abroad = economy.contacts(s, p["kept"])
        at_work = s["employed"] & ~s["isolates"]
        met = abroad * exposure(here.borough, infectious * abroad)
        met = met + at_work * exposure(here.work, infectious & at_work)
        hazard = AT_HOME * exposure(here.home, infectious) + places * season(p, today) * met
        susceptible = (s["infected_on"] == NEVER) & (today < protected_from)
        infected = event("infection", hazard, where=susceptible)
        # Expected, not realised: an agent is many persons, and what is counted are persons.
        chance = -torch.expm1(-hazard) * susceptible
        flux = tally("infections", chance, group, groups=len(GROUPS))
        tally("lethal", chance * here.fatality, group, groups=len(GROUPS))
        # What is decided for a month is counted on its first day; on the others a tally of nobody costs little.
        counted = (s["employed"], economy.unemployed(s), s["isolates"] & adult) if today in STARTS else (nobody,) * 3
        for name, who in zip(MONTHLY, counted, strict=True):
            tally(name, who, group, groups=len(GROUPS))
        waiting, found = REPORTED.advance(
            [s[f"found_{stage}"] for stage in range(REPORTED.stages)],
            1e5 * p["ascertainment"] * flux.float().sum(-1, keepdim=True) / people.size,
        )
        return {
            **s,
            "infected_on": torch.where(infected, today, s["infected_on"]),
            "month_cases": s["month_cases"] + found,
            **{f"found_{stage}": share for stage, share in enumerate(waiting)},
        }

    state = start(
        people,
        infected_on=_infected_before(here, before, known),
        month_cases=torch.zeros_like(p["ascertainment"]),
        **_under_way(here, p["ascertainment"], before),
        follows_cases=policy("follows_cases", 0.0),
        **economy.start(here.reported.unemployment_before[borough]),
    )
    run = rollout(day, state, days)
    return _series(here, p, before, {name: run.tallies[name] for name in run.tallies})


def by_borough(groups: torch.Tensor) -> torch.Tensor:
    """Sums over incomes, `[*dims, 15, days]` to `[*dims, 5, days]`."""
    return groups.reshape(*groups.shape[:-2], len(BOROUGHS), len(INCOMES), groups.shape[-1]).sum(-2)


def _series(
    here: Residents, p: dict[str, torch.Tensor], before: torch.Tensor, tallies: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    weight = here.weight.repeat_interleave(len(INCOMES))[:, None]
    days = {name: weight * tallies[name].float() for name in ("infections", "lethal")}
    earlier = before * here.reported.persons.sum(1)[:, None]
    fatality = (here.reported.fatality * here.reported.persons).sum(1) / here.reported.persons.sum(1)
    both = []
    for past, name in ((earlier, "infections"), (earlier * fatality[:, None], "lethal")):
        now = by_borough(days[name])
        dims = torch.broadcast_shapes(past.shape[:-2], now.shape[:-2])
        both.append(torch.cat([past.expand(*dims, *past.shape[-2:]), now.expand(*dims, *now.shape[-2:])], -1))
    months = [first for first in STARTS if first < now.shape[-1]]
    return {
        "infections": weekly(days["infections"]),
        "fatal": p["fatality_scale"][..., None] * weekly(days["lethal"]),
        **{name: weight * tallies[name][..., months].float() for name in MONTHLY},
        **report(p, both[0], both[1]),
    }


def _infected_before(here: Residents, before: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Day of infection of everybody, int16 `[*dims, agents]`: one uniform number decides whether and when."""
    borough = here.people["borough"].long()
    chance = exogenous("infected_before", here.people.size, "uniform")
    infected_on = torch.full((1,), NEVER, dtype=torch.int16)
    bound = known.index_select(-1, borough)
    infected_on = torch.where(chance < bound, LONG_AGO, infected_on)
    for ago in range(HISTORY):
        lower, bound = bound, bound + before[..., ago].index_select(-1, borough)
        infected_on = torch.where((chance >= lower) & (chance < bound), ago - HISTORY, infected_on)
    return infected_on.short()


def _protected(here: Residents) -> torch.Tensor:
    """First day on which a dose protects, int32 `[*replicates, agents]`: the week is drawn from the observed shares."""
    people, size = here.people, here.people.size
    shares = here.reported.vaccinated[:, people["borough"].long(), people["age"].long()]
    order, luck = exogenous("dose", size, "uniform"), exogenous("dose_protects", size, "uniform")
    week = sum((order >= share).int() for share in shares)
    works = (week < len(shares)) & (luck < EFFICACY)
    return torch.where(works, 7 * week + TAKES_EFFECT, NEVER)


def _under_way(here: Residents, ascertainment: torch.Tensor, before: torch.Tensor) -> State:
    """Infections on their way to a report on day 0, per 100,000 residents."""
    persons = here.reported.persons.sum(1)
    daily = 1e5 * (before * persons[:, None]).sum(-2) / persons.sum()
    waiting = [torch.zeros_like(ascertainment)] * REPORTED.stages
    for ago in range(HISTORY):
        waiting, _ = REPORTED.advance(waiting, ascertainment * daily[..., ago : ago + 1])
    return {f"found_{stage}": share for stage, share in enumerate(waiting)}
