"""Who infected whom, and what follows from it: offspring, and case reproduction numbers."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from causal_lpm.ops.number_types import numbers

__all__ = ["OUTSIDE", "TransmissionTree"]

OUTSIDE = -1
"""The number of the infector, where an infection came from outside of the population."""


@dataclass(frozen=True)
class TransmissionTree:
    """The infections of one or many runs, in the order of their days; a row is one run in one world.

    Attributes:
        dims: Sizes of the dimensions left of the agents: worlds, draws, replicates.
        agents: Number of agents.
        days: Number of steps.
        row: int64 `[infections]`, the number of the row among all of `dims`, flattened.
        day: int64 `[infections]`, the number of the step, which is a day unless `step_days` says otherwise.
        infectee: int64 `[infections]`.
        infector: int64 `[infections]`; `OUTSIDE` is -1.
        step_days: Days of a step: 0.25 where there are four steps a day.

    >>> tree = TransmissionTree((), 4, 3, *(torch.tensor(x) for x in ([0, 0, 0], [0, 1, 1], [0, 1, 2], [-1, 0, 0])))
    >>> tree.offspring()
    tensor([2, 0, 0])
    >>> tree.case_reproduction()
    tensor([[2., 0., nan]], dtype=torch.float64)
    """

    dims: tuple[int, ...]
    agents: int
    days: int
    row: torch.Tensor
    day: torch.Tensor
    infectee: torch.Tensor
    infector: torch.Tensor
    step_days: float = 1.0

    @property
    def rows(self) -> torch.Tensor:
        """The numbers of the rows, int64 `[*dims, 1]`: `worlds.take(tree.rows, "factual")` has those of a world."""
        return torch.arange(self.number_of_rows).reshape(*self.dims, 1)

    @property
    def number_of_rows(self) -> int:
        """How many rows there are."""
        return int(torch.tensor(self.dims, dtype=torch.int64).prod())

    def of(self, rows: torch.Tensor) -> TransmissionTree:
        """The tree of some rows, which are numbered anew in their order.

        Args:
            rows: Whole numbers of any shape, each once.

        Raises:
            ValueError: rows that are not there, or are given twice.
        """
        chosen = numbers("the rows of a transmission tree", rows).flatten().long()
        there = bool(((chosen >= 0) & (chosen < self.number_of_rows)).all())
        if not there or len(chosen.unique()) < len(chosen):
            raise ValueError(
                f"the rows {chosen.tolist()[:5]} of a transmission tree of {self.number_of_rows} rows were asked for: "
                "give numbers that are there, each once."
            )
        new = torch.full((self.number_of_rows,), -1)
        new[chosen] = torch.arange(len(chosen))
        row = new[self.row]
        kept = row >= 0
        day, infectee, infector = (x[kept] for x in (self.day, self.infectee, self.infector))
        return TransmissionTree(
            (len(chosen),), self.agents, self.days, row[kept], day, infectee, infector, self.step_days
        )

    def offspring(self) -> torch.Tensor:
        """How many others each infection led to, int64 `[infections]`.

        Who was infectious from the beginning has no infection here, and so no offspring that is counted. Late
        infections have not had the time for theirs.
        """
        counts = torch.zeros(len(self.row), dtype=torch.int64)
        if not len(self.row):
            return counts
        # One number a row, agent and day, so that an infector's latest infection before a day is found by searching.
        ours = (self.row * self.agents + self.infectee) * (self.days + 1) + self.day
        order = torch.argsort(ours)
        person = self.row * self.agents + self.infector
        at = torch.searchsorted(ours[order], person * (self.days + 1) + self.day) - 1
        cause = order[at.clamp(min=0)]
        known = (
            (self.infector != OUTSIDE) & (at >= 0) & (self.row[cause] * self.agents + self.infectee[cause] == person)
        )
        return counts.index_add_(0, cause[known], torch.ones_like(cause[known]))

    def case_reproduction(self) -> torch.Tensor:
        """The mean offspring of those infected on each day, float64 `[rows, days]`; NaN where nobody was.

        By day also where a day has several steps, and by step where a step is longer, as series are.

        Source: Wallinga and Teunis (2004), American Journal of Epidemiology 160: the case reproduction number, of known
        trees.
        """
        of_a_day = max(1, round(1 / self.step_days))
        days = -(-self.days // of_a_day)
        at = self.row * days + self.day // of_a_day
        size = self.number_of_rows * days
        cases = torch.bincount(at, minlength=size)
        caused = torch.zeros(size, dtype=torch.int64).index_add_(0, at, self.offspring())
        return torch.where(cases > 0, caused / cases.double(), torch.nan).reshape(self.number_of_rows, days)

    def offspring_distribution(self) -> torch.Tensor:
        """The share of infections, of all rows together, that led to 0, 1, 2 ... others; float64 `[most + 1]`."""
        counts = torch.bincount(self.offspring()).double()
        return counts / counts.sum()
