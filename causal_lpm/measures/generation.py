"""Generation intervals: from the infection of an infector to those that it causes, and their distribution."""

from typing import Any, Protocol

import torch
from torch import Tensor

from causal_lpm.agents import Duration
from causal_lpm.agents.disease import LONGEST
from causal_lpm.ops.number_types import numbers

__all__ = ["generation_intervals", "interval_distribution"]


class Tree(Protocol):
    """What is needed of a transmission tree, such as `causal_lpm.inference.TransmissionTree`.

    Attributes:
        agents: Number of agents.
        days: Number of steps.
        row: int64 `[infections]`, the run of each infection.
        day: int64 `[infections]`, its step.
        infectee: int64 `[infections]`.
        infector: int64 `[infections]`, below 0 from outside.
        step_days: Days of a step.
    """

    @property
    def agents(self) -> int: ...
    @property
    def days(self) -> int: ...
    @property
    def row(self) -> Tensor: ...
    @property
    def day(self) -> Tensor: ...
    @property
    def infectee(self) -> Tensor: ...
    @property
    def infector(self) -> Tensor: ...
    @property
    def step_days(self) -> float: ...


def generation_intervals(tree: Tree) -> Tensor:
    """Days from the latest infection of the infector to that of the infectee, int64 `[infections]`; -1 where unknown.

    Unknown are those of infectors who were infectious from the beginning or came from outside. While an epidemic grows
    short intervals are too many among these: their infectors have not had the time for long ones. Where a day has
    several steps, they are between calendar days, as a daily series has them: 0 within a day.

    Source: Svensson (2007), Mathematical Biosciences 208, 300-311, for the interval; Park et al. (2021), Journal of the
    Royal Society Interface 18, 20200719, for the bias of growth.

    >>> from types import SimpleNamespace
    >>> row, day, infectee, infector = torch.tensor([[0, 0, 0], [0, 2, 5], [3, 1, 2], [-1, 3, 1]])
    >>> tree = SimpleNamespace(agents=4, days=6, row=row, day=day, infectee=infectee, infector=infector, step_days=1.0)
    >>> generation_intervals(tree)
    tensor([-1,  2,  3])
    """
    if not len(tree.row):
        return torch.zeros(0, dtype=torch.int64)
    # One number a row, agent and day: the latest infection of the infector before a day is found by searching.
    person = tree.row * tree.agents + tree.infectee
    ours, order = torch.sort(person * (tree.days + 1) + tree.day)
    by = tree.row * tree.agents + tree.infector
    at = torch.searchsorted(ours, by * (tree.days + 1) + tree.day) - 1
    cause = order[at.clamp(min=0)]
    known = (tree.infector >= 0) & (at >= 0) & (person[cause] == by)
    day = (tree.day.double() * tree.step_days + 1e-6).floor().long()  # steps of a third of a day are rounded
    return torch.where(known, day - day[cause], -1)


def interval_distribution(intervals: Any) -> Duration:
    """The share of intervals of 0, 1, 2 ... days, as `instantaneous_reproduction` takes it.

    Args:
        intervals: Whole days of any shape: of `generation_intervals`, where -1 is unknown, or of
            `InfectorList.serial_intervals`, where NaN is.

    Raises:
        ValueError: nothing that is known; intervals that are no whole days, or not from 1 to 250: infectees who fall
            ill with or before their infectors make no distribution of generation intervals.

    >>> interval_distribution([2, 3, 3, -1, 4]).probabilities
    (0.0, 0.0, 0.25, 0.5, 0.25)
    """
    days = numbers("the intervals", intervals).flatten()
    days = days[~days.isnan()] if days.is_floating_point() else days[days != -1]
    if not len(days):
        raise ValueError("no interval is known: give the days between the infections of infectors and infectees.")
    wrong = (days < 1) | (days > LONGEST) | (days != days.round() if days.is_floating_point() else False)
    if bool(wrong.any()):
        raise ValueError(f"an interval is {days[wrong][0].item():g} days: give whole days from 1 to {LONGEST}.")
    tally = torch.bincount(days.long()).double()
    return Duration(tuple((tally / tally.sum()).tolist()))
