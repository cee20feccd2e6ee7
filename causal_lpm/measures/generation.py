"""Generation intervals: from the infection of an infector to those that it causes."""

from typing import Protocol

import torch
from torch import Tensor

__all__ = ["generation_intervals"]


class Tree(Protocol):
    """What is needed of a transmission tree, such as `causal_lpm.inference.TransmissionTree`.

    Attributes:
        agents: Number of agents.
        days: Number of days.
        row: int64 `[infections]`, the run of each infection.
        day: int64 `[infections]`, its day.
        infectee: int64 `[infections]`.
        infector: int64 `[infections]`, below 0 from outside.
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


def generation_intervals(tree: Tree) -> Tensor:
    """Days from the latest infection of the infector to that of the infectee, int64 `[infections]`; -1 where unknown.

    Unknown are those of infectors who were infectious from the beginning or came from outside. While an epidemic grows
    short intervals are too many among these: their infectors have not had the time for long ones.

    Source: Svensson (2007), Mathematical Biosciences 208, 300-311, for the interval; Park et al. (2021), Journal of the
    Royal Society Interface 18, 20200719, for the bias of growth.

    >>> from types import SimpleNamespace
    >>> row, day, infectee, infector = torch.tensor([[0, 0, 0], [0, 2, 5], [3, 1, 2], [-1, 3, 1]])
    >>> tree = SimpleNamespace(agents=4, days=6, row=row, day=day, infectee=infectee, infector=infector)
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
    return torch.where(known, tree.day - tree.day[cause], -1)
