"""Days as a state keeps them: whole numbers from 0 in int16, one step a day."""

import torch

from causal_lpm.ops.step import step_length

__all__ = ["NEVER", "whole_day"]

NEVER = -1
"""Stands in a state for a day that has not come: before all days, so `t >= NEVER` always holds (see `TimedPolicy`)."""

LAST = 2**15 - 2
"""The last day that can be simulated, 89 years after day 0: the day after it stands in a state for all later ones."""


def whole_day(t: torch.Tensor) -> torch.Tensor:
    """The day as int16 `[]`.

    Raises:
        ValueError: a day below 0 or above 32,766, which int16 does not tell from others; a step that is not one day:
            daily decisions would be made too often, or days on which something is due be skipped.

    >>> whole_day(torch.tensor(3.0))
    tensor(3, dtype=torch.int16)
    """
    day = float(t)
    check_days(day)
    if not 0 <= day <= LAST:
        raise ValueError(f"the day is {day:g}: give days from 0 to {LAST}, the last that a state holds as int16.")
    return t.to(torch.int16)


_GO_BY_DAYS = "courses of disease, testing, quarantine and vaccination go by days; use DiscreteTime(dt=1)."


def check_whole(day: float) -> None:
    """Raises ValueError unless the day is a whole number."""
    if not float(day).is_integer():
        raise ValueError(f"the time is {day:g}: {_GO_BY_DAYS}")


def check_days(day: float) -> None:
    """Raises ValueError unless the day is a whole number, and the steps of the running simulation are days."""
    check_whole(day)
    if (step := step_length()) != 1.0:
        raise ValueError(f"a step is {step:g} days: {_GO_BY_DAYS}")


def no_later_than(day: int) -> int:
    """The day as it stands in a state, where all days after `LAST` are `LAST + 1`.

    >>> no_later_than(30), no_later_than(100_000)
    (30, 32767)
    """
    return min(day, LAST + 1)
