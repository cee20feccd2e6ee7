"""The same winter as difference equations: cheap, differentiable, elementwise in the parameters."""

from collections.abc import Callable, Sequence

import torch

from case_studies.nyc_first_wave.model import AT_HOME
from case_studies.nyc_first_wave.reports import INFECTIOUS, LATENT
from case_studies.nyc_first_wave.surrogate import HOME
from case_studies.stimulus_nyc.expected_work import expected_work
from case_studies.stimulus_nyc.model import CONTACTS, STARTS, Habits
from case_studies.stimulus_nyc.parameters import LOCAL, parameters
from case_studies.stimulus_nyc.people import AT_WORK, IN_BOROUGH, Residents
from case_studies.stimulus_nyc.question import BOROUGHS
from case_studies.stimulus_nyc.reports import EFFICACY, TAKES_EFFECT, history, immune, local, report, season
from case_studies.stimulus_nyc.winter import DAYS, HISTORY, WEEKS

__all__ = ["equations"]


def equations(here: Residents, habits: Callable[[], Habits], days: int = DAYS) -> dict[str, torch.Tensor]:
    """Five boroughs with three classes of contacts each: who isolates, who is at work, and the others.

    Sites, priors and reports are those of `model.winter_of`; ages, incomes and households are mixed into the classes.
    Transmission changes with the week, latent and infectious times are stages of constant hazard with the same means.

    Args:
        here: Agents and reports.
        habits: Samples how people behave.
        days: Simulated from 1 September 2020, whole weeks.

    Returns:
        `expected_cases` and `expected_deaths`, `[*dims, 5, weeks]`.
    """
    p = parameters()
    before, known = history(p, here.reported), immune(p, here.reported)
    classes, fatality = _classes(here, habits())
    free, milder = _vaccination(here)
    met = _contacts(here, p)
    waiting = before @ _stages_after(HISTORY).to(before)  # [*dims, 5, stages]
    state = (classes[0][..., None] * waiting[..., None, :]).flatten(-3, -2)  # [*dims, 15, stages]
    susceptible = (1 - known - before.sum(-1)).clamp(min=0.01)[..., None].expand(*known.shape, CLASSES).flatten(-2)
    stages, infections, lethal = STAGES.to(state), [], []
    for week in range(days // 7):
        month = sum(first <= 7 * week + 3 for first in STARTS) - 1
        who = (classes[month] * free[week][:, None]).flatten(-2)
        deadly = (fatality[month] * milder[week][:, None]).flatten(-2)
        for _ in range(7):
            pressure = state[..., LATE:].sum(-1, keepdim=True)
            new = susceptible * who * -torch.expm1(-(met[week] @ pressure)[..., 0])
            susceptible = susceptible - _over_classes(new).repeat_interleave(CLASSES, -1)
            state = state @ stages + new[..., None] * FIRST
            infections.append(new)
            lethal.append(new * deadly)
    earlier = (here.reported.fatality * here.reported.persons).sum(1) / here.reported.persons.sum(1)
    persons, daily = here.reported.persons.sum(1)[:, None], []
    for past, now in ((before, infections), (before * earlier[:, None], lethal)):
        since = _over_classes(torch.stack(now, -2)).transpose(-1, -2)
        daily.append(torch.cat([past.expand(*since.shape[:-1], HISTORY), since], -1) * persons)
    return report(p, daily[0], daily[1], _convolved)


def _chain() -> torch.Tensor:
    """Shares of each stage that are in each stage a day later: latent ones, then infectious ones."""
    leaving = [LATE / LATENT.mean()] * LATE + [INFECTED / INFECTIOUS.mean()] * INFECTED
    table = torch.diag(1 - torch.tensor(leaving))
    return table + torch.diag(torch.tensor(leaving[:-1]), 1)


LATE, INFECTED, CLASSES = 2, 3, 3
STAGES = _chain()
FIRST = torch.eye(LATE + INFECTED)[0]


def _stages_after(days: int) -> torch.Tensor:
    """Where those infected on each of the days before day 0 are then, the earliest first; `[days, stages]`."""
    rows = [FIRST]
    for _ in range(days - 1):
        rows.append(rows[-1] @ STAGES)
    return torch.stack(rows[::-1])


def _over_classes(values: torch.Tensor) -> torch.Tensor:
    """Sums over classes, `[*dims, 15]` to `[*dims, 5]`."""
    return values.reshape(*values.shape[:-1], len(BOROUGHS), CLASSES).sum(-1)


def _contacts(here: Residents, p: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    """Hazard of each class from a unit of infectious residents of each, `[*dims, 15, 15]` a week."""
    same = torch.eye(len(BOROUGHS)).repeat_interleave(CLASSES, 0).repeat_interleave(CLASSES, 1)
    out = torch.cat(torch.broadcast_tensors(p["kept"], *[torch.ones(1)] * 2), -1)
    out = torch.cat([out] * len(BOROUGHS), -1)
    at_work = torch.tensor([0.0, 1.0, 0.0]).repeat(len(BOROUGHS))
    stubs = (here.agents / here.work.degree().sum()).repeat_interleave(CLASSES)
    met = IN_BOROUGH * same * out[..., :, None] * out[..., None, :]
    met = met + AT_WORK**2 * at_work[:, None] * (at_work * stubs)
    per_contact = p["transmission"] / (CONTACTS * INFECTIOUS.mean())
    place = (per_contact * local(p, LOCAL)).repeat_interleave(CLASSES, -1)[..., None] * met
    home = (HOME * AT_HOME * _housemates(here)).repeat_interleave(CLASSES)[:, None] * same
    return [home + season(p, 7 * week + 3)[..., None] * place for week in range(WEEKS)]


def _classes(here: Residents, habits: Habits) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Shares of residents who isolate, are at work, and neither, and their fatality; `[*dims, 5, 3]` a month each.

    Who goes out most is infected first, and infects most: with the means of a borough alone the epidemic would grow
    more slowly than that of the agents.
    """
    _, working, isolating = expected_work(here, habits)
    borough = torch.nn.functional.one_hot(here.kinds.of("borough"), len(BOROUGHS)).float()
    mean = (borough * here.kinds.counts[:, None]) / here.agents
    age = here.kinds.of("age")
    of_age = ((age == 1) | (age == 2)).float()
    risk = here.reported.fatality[here.kinds.of("borough"), age]
    shares, fatality = [], []
    for work, home in zip(working, isolating, strict=True):
        parts = torch.broadcast_tensors(home, work * (1 - home) * of_age, (1 - work * of_age) * (1 - home))
        shares.append(torch.stack([part @ mean.to(part) for part in parts], -1))
        fatality.append(torch.stack([(part * risk) @ mean.to(part) for part in parts], -1) / shares[-1].clamp(min=1e-6))
    return shares, fatality


def _vaccination(here: Residents) -> tuple[torch.Tensor, torch.Tensor]:
    """Share of residents not protected by a dose, and fatality of those relative to all; `[weeks, 5]` each."""
    shares, persons, fatality = here.reported.vaccinated, here.reported.persons, here.reported.fatality
    lag = TAKES_EFFECT // 7
    given = torch.cat([torch.zeros_like(shares[:lag]), shares[:-lag]])
    left = (1 - EFFICACY * given) * persons
    without = (persons * fatality).sum(-1) / persons.sum(-1)
    return left.sum(-1) / persons.sum(-1), (left * fatality).sum(-1) / left.sum(-1) / without


def _housemates(here: Residents) -> torch.Tensor:
    borough = here.people["borough"].long()
    return torch.zeros(len(BOROUGHS)).index_add(0, borough, here.home.degree()) / here.agents


def _convolved(series: torch.Tensor, probabilities: Sequence[float]) -> torch.Tensor:
    """`reporting_delay` as one product of matrices: faster with gradients, and not the same to the last bit."""
    days = torch.arange(series.shape[-1])
    later = days - days[:, None]
    shares = torch.tensor([*probabilities, 0.0]).to(series)
    return series @ shares[torch.where(later < 0, len(probabilities), later.clamp(max=len(probabilities)))]
