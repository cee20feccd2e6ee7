"""Which steps a simulation takes: whole ones, from its start to its end."""

import math
from typing import Any

import torch

from causal_lpm.ops.simulation import Rollout

__all__ = ["Steps", "as_time", "steps_until"]

MOST = 2**24
"""The most steps: float32 does not hold the numbers of more."""


class Steps:
    """The steps of `dt` days between two times.

    Args:
        start: Day at the start of the first step.
        end: Day at the end of the last one.
        dt: Length of a step in days.

    Raises:
        ValueError: a start below 0, an end before the start, a time that is not a whole number of steps, or more than
            `MOST` steps.

    >>> steps = Steps(0.0, 21.0, dt=7.0)
    >>> steps.first, steps.last
    (0, 3)
    >>> Steps(0.0, 60.0, dt=7.0)
    Traceback (most recent call last):
    ValueError: day 60 is not a whole number of steps of 7 days: simulate until day 56 or 63.
    """

    def __init__(self, start: Any, end: Any, dt: float) -> None:
        self.start, self.end, self.dt = _time("start", start), _time("end", end), dt
        if self.start < 0:
            raise ValueError(f"the simulation begins on day {self.start:g}: days are counted from 0.")
        if self.end < self.start:
            raise ValueError(f"the simulation ends on day {self.end:g} and begins on day {self.start:g}: swap them.")
        if self.end / dt > MOST:
            raise ValueError(
                f"day {self.end:g} is {self.end / dt:.3g} steps away and {MOST:,} can be numbered: simulate fewer days."
            )
        self.first, self.last = self._whole(self.start), self._whole(self.end)

    def by_day(self, run: Rollout) -> Rollout:
        """A simulation of these steps with its series by day, where they are whole days of several steps.

        A day has the sum of its steps, or the last one of a stock.

        >>> run = Rollout({}, {"cases": torch.tensor([1, 2, 3, 4])})
        >>> Steps(0.0, 2.0, dt=0.5).by_day(run).tallies["cases"]
        tensor([3, 7])
        """
        of_a_day = round(1 / self.dt)
        if of_a_day <= 1 or abs(of_a_day * self.dt - 1) > 1e-6 or self.first % of_a_day or self.last % of_a_day:
            return run
        days = {name: series.unflatten(-1, (-1, of_a_day)) for name, series in run.tallies.items()}
        series = {name: each[..., -1] if name in run.stocks else each.sum(-1) for name, each in days.items()}
        return Rollout(run.state, series, run.stocks)

    def until(self, time: float) -> int:
        """How many steps have ended by `time`."""
        return steps_until(time, self.dt)

    def _whole(self, time: float) -> int:
        number = self.until(time)
        steps = time / self.dt
        if abs(steps - number) > _rounding(steps):
            nearest = [number * self.dt] if number * self.dt > self.start or time == self.start else []
            choices = " or ".join(f"{day:g}" for day in [*nearest, (number + 1) * self.dt])
            raise ValueError(
                f"day {time:g} is not a whole number of steps of {self.dt:g} days: simulate "
                f"{'from' if time == self.start else 'until'} day {choices}."
            )
        return number


def steps_until(time: float, dt: float) -> int:
    """How many steps of `dt` days have ended by `time`.

    >>> steps_until(1.5, dt=1.0)
    1
    """
    # Times are float32: one that is the end of a step up to rounding counts as that end, however late it is.
    steps = time / dt
    return math.floor(steps + _rounding(steps))


def as_time(time: Any) -> torch.Tensor:
    """A time as ChiRho's solvers take it: a float tensor `[]`.

    >>> as_time(3)
    tensor(3.)
    """
    given = torch.as_tensor(time)
    return (given if given.is_floating_point() else given.float()).reshape(())


def _rounding(steps: float) -> float:
    return 1e-6 * max(1.0, abs(steps))


def _time(what: str, value: Any) -> float:
    if isinstance(value, torch.Tensor) and value.numel() != 1:
        raise ValueError(f"the {what} of a simulation has shape {tuple(value.shape)}: give one time in days.")
    time = float(value)
    if not math.isfinite(time):
        raise ValueError(f"the {what} of a simulation is day {time}: give a finite time in days.")
    return time
