"""Work and isolation without agents: expected shares of each archetype, month by month, elementwise in parameters."""

from collections.abc import Sequence

import torch

from case_studies.stimulus_nyc.model import Habits
from case_studies.stimulus_nyc.people import Residents
from case_studies.stimulus_nyc.winter import MONTHS

__all__ = ["Shares", "expected_work", "work_of"]

Shares = list[torch.Tensor]


def work_of(
    willing: Sequence[torch.Tensor],
    separation: Sequence[torch.Tensor],
    finding: torch.Tensor,
    unemployment: torch.Tensor,
) -> Shares:
    """Share of each archetype that has work in each month, as `causal_lpm.agents.Economy` decides on average.

    Args:
        willing: Share willing to work, `[*dims, A]` a month.
        separation: Hazard of losing work, `[*dims, A]` a month.
        finding: Hazard of finding some, `[*dims, A]`.
        unemployment: Before the first month, `[A]`.

    Returns:
        `[*dims, A]` a month.
    """
    working: Shares = []
    for month, will in enumerate(willing):
        # Tastes stay: who has less will than in the month before leaves, whether at work or not.
        stay = working[-1] * (will / willing[month - 1]).clamp(max=1.0) if month else (1 - unemployment) * will
        working.append(stay * torch.exp(-separation[month]) + (will - stay) * -torch.expm1(-finding))
    return working


def expected_work(here: Residents, habits: Habits) -> tuple[Shares, Shares, Shares]:
    """Shares of each archetype willing, working and isolating, where people react to the reported cases.

    Returns:
        Three lists, `[*dims, A]` a month.
    """
    cases = [value.reshape(1) for value in here.reported.cases_before]
    paid = [torch.tensor([dollars]) for dollars in here.reported.paid]
    willing = [torch.sigmoid(habits.willing(cases[m], paid[m], m)) for m in range(len(MONTHS))]
    isolating = [torch.sigmoid(habits.isolating(cases[m], paid[m], m)) for m in range(len(MONTHS))]
    separation = [habits.separation(cases[m]) for m in range(len(MONTHS))]
    before = here.reported.unemployment_before[here.kinds.of("borough")]
    return willing, work_of(willing, separation, habits.finding(), before), isolating
