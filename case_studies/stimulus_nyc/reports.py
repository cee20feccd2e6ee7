"""From infections to what was reported in the winter: shared by the model and its surrogate, elementwise."""

from collections.abc import Callable, Mapping, Sequence

import torch

from case_studies.nyc_first_wave.delays import DIED, REPORTED
from case_studies.stimulus_nyc.winter import HISTORY, Winter
from case_studies.weekly_reports import report_weeks
from causal_lpm.agents import reporting_delay

__all__ = ["TURNS", "history", "immune", "local", "report", "season"]

Delayed = Callable[[torch.Tensor, Sequence[float]], torch.Tensor]

TURNS = {"turn_november": (0, 75), "turn_january": (75, 126), "turn_march": (126, 209)}
"""Days between which transmission changes: to 15 November, to 5 January, to 29 March."""
EFFICACY = 0.8
"""Of a first dose against infection, from 14 days after it, as in the second-dose study."""
TAKES_EFFECT = 14


def season(p: Mapping[str, torch.Tensor], day: int) -> torch.Tensor:
    """Transmission relative to 1 September, `[*dims, 1]`: straight lines between the turns, on the logarithm."""
    change = torch.zeros_like(p["transmission"])
    for name, (first, last) in TURNS.items():
        change = change + p[name] * min(max((day - first) / (last - first), 0.0), 1.0)
    return torch.exp(change)


def local(p: Mapping[str, torch.Tensor], names: Sequence[str]) -> torch.Tensor:
    """Transmission of each borough relative to the Bronx, `[*dims, 5]`."""
    return torch.cat(torch.broadcast_tensors(torch.ones_like(p[names[0]]), *(p[name] for name in names)), -1)


def history(p: Mapping[str, torch.Tensor], reported: Winter) -> torch.Tensor:
    """Infections of the days before day 0 as shares of the residents, `[*dims, 5, HISTORY]`: cases by ascertainment."""
    shares: torch.Tensor = reported.recent / reported.persons.sum(1)[:, None]
    return shares / p["ascertainment"][..., None]


def immune(p: Mapping[str, torch.Tensor], reported: Winter) -> torch.Tensor:
    """Share of the residents infected before the days of `history`, `[*dims, 5]`.

    Those of the first wave until 18 April, and of the summer the cases divided by the ascertainment of June 2020; of
    these the days of `history` are counted there.
    """
    low, middle, high = reported.immune
    z = p["immunity"]
    share = middle + torch.where(z < 0, middle - low, high - middle) * z / 1.645
    persons = reported.persons.sum(1)
    summer = (reported.summer - reported.recent.sum(1)) / (reported.found * persons)
    before: torch.Tensor = (share + summer).clamp(0.0, 0.95)
    return before


def report(
    p: Mapping[str, torch.Tensor],
    infections: torch.Tensor,
    lethal: torch.Tensor,
    delayed: Delayed = reporting_delay,
) -> dict[str, torch.Tensor]:
    """The data sites `cases` and `deaths`, and the weekly series that are expected.

    Args:
        p: Parameters `[*dims, 1]`.
        infections: Persons infected a day, `[*dims, 5, HISTORY + days]`, whole weeks of days.
        lethal: The same, each weighed with the fatality of its age.
        delayed: Convolves a series with the probabilities of a delay.

    Returns:
        `expected_cases` and `expected_deaths`, persons, `[*dims, 5, weeks]`.
    """
    p = {name: value[..., None] for name, value in p.items()}
    daily = {
        "cases": p["ascertainment"] * delayed(infections, REPORTED.probabilities)[..., HISTORY:],
        "deaths": p["fatality_scale"] * delayed(lethal, DIED.probabilities)[..., HISTORY:],
    }
    return report_weeks(daily, {name: p[f"dispersion_{name}"] for name in daily})
