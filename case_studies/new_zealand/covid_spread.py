"""How readily people catch and pass on the virus: by age, doses, ethnicity, and what is closed in their district."""

from collections.abc import Mapping

import torch

from case_studies.new_zealand.covid_calendar import levels, schools_open
from case_studies.new_zealand.covid_parameters import (
    AT_HOME,
    AT_SCHOOL,
    LEVEL,
    SUSCEPTIBILITY,
    VE_INFECTION,
    VE_TRANSMISSION,
)
from causal_lpm import look_up

__all__ = ["flat", "receptiveness"]


def receptiveness(
    p: Mapping[str, torch.Tensor],
    per_contact: torch.Tensor,
    today: int,
    days: int,
    guard: torch.Tensor,
    age: torch.Tensor,
    cell: torch.Tensor,
) -> dict[str, torch.Tensor]:
    """Factors of everybody, float32 `[*dims, agents]`, until doses or levels change.

    Args:
        p: Parameters `[*dims, 1]`.
        per_contact: Of an infection outside, by one contact among those whom a case meets while infectious.
        today: The day.
        days: Of the simulation.
        guard: Doses that protect, `[*dims, agents]`.
        age: Ten years of age, `[agents]`.
        cell: District * 4 + ethnicity, `[agents]`.

    Returns:
        `at_home`, `at_school` and `outside`: hazard a day by an infectious housemate, classmate or contact; `sends`:
        what a case sends, relative to one who is unvaccinated; `meets`: the same times how much it is outside.
    """
    immune, passed = 1 - VE_INFECTION, 1 - VE_TRANSMISSION
    one = torch.ones_like(p["activity"])
    activity = torch.stack([p["activity"], p["activity"], one, one], -1)  # [*dims, 1, 4]
    level = torch.stack(torch.broadcast_tensors(*(p[name] for name in LEVEL)), -1)[..., levels(days)[:, today]]
    reach = per_contact * level[..., None] * activity[..., None, :]  # [*dims, 1, 20, 4]
    school = AT_SCHOOL * schools_open(days)[:, today]
    young = immune[:, None] * SUSCEPTIBILITY
    of_age = (guard.int() * len(SUSCEPTIBILITY)) + age
    caught = look_up(young.flatten(), of_age)
    ethnicity = cell % activity.shape[-1]
    sends = look_up(passed, guard)
    return {
        "at_home": AT_HOME * caught,
        "at_school": caught * look_up(school, cell // activity.shape[-1]),
        "outside": caught * look_up(flat(reach.flatten(-2)), cell),
        "sends": sends,
        "meets": sends * look_up(flat(activity), ethnicity),
    }


def flat(table: torch.Tensor) -> torch.Tensor:
    """`[*dims, 1, K]`, as `[K]` where there are no other dimensions: in half the time."""
    return table[0] if table.dim() == 2 else table
