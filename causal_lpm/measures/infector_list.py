"""Who infected whom, as a list of cases has it: serial intervals, offspring, and reproduction numbers by cohort."""

from collections.abc import Iterable

import torch
from torch import Tensor

from causal_lpm.ops.number_types import numbers

__all__ = ["InfectorList"]


class InfectorList:
    """Cases with their days and their infectors, of one outbreak.

    A case may fall ill before its infector did, so a list is less strict than a transmission tree, which has the days
    of infections.

    Args:
        day: Whole days of onset, rash or another thing, `[cases]`; NaN where it is unknown.
        infector: Position of the infector in the list, `[cases]`; -1 where none is known.

    Attributes:
        day: float64 `[cases]`.
        infector: int64 `[cases]`.

    Raises:
        ValueError: days that are no whole numbers, other numbers of cases, infectors that are not in the list or are
            the case itself.

    >>> pairs = InfectorList(day=[0, 9, 12, float("nan")], infector=[-1, 0, 0, 1])
    >>> pairs.serial_intervals()
    tensor([nan,  9., 12., nan], dtype=torch.float64)
    >>> pairs.offspring()
    tensor([2, 1, 0, 0])
    """

    def __init__(self, day: Iterable[float] | Tensor, infector: Iterable[int] | Tensor) -> None:
        self.day, by = numbers("the days of cases", day).double(), numbers("the infectors", infector)
        if self.day.dim() != 1 or by.shape != self.day.shape:
            raise ValueError(
                f"the days have shape {tuple(self.day.shape)} and the infectors {tuple(by.shape)}: give one of each a "
                "case."
            )
        wrong = ~self.day.isnan() & (self.day != self.day.round()) | self.day.isinf()
        if bool(wrong.any()):
            raise ValueError(f"a case has the day {float(self.day[wrong][0]):g}: give whole days, NaN where unknown.")
        self.infector = by.long()
        itself = torch.arange(len(by))
        outside = (by != self.infector) | (by < -1) | (by >= len(by)) | (by == itself)
        if bool(outside.any()):
            case = int(outside.nonzero()[0])
            raise ValueError(
                f"case {case} has the infector {by[case].item():g}: give the position of another of the {len(by)} "
                "cases, or -1 where none is known."
            )

    def serial_intervals(self) -> Tensor:
        """Days from the infector's day to that of the case, float64 `[cases]`; NaN where one of them is unknown.

        Source: Svensson (2007), Mathematical Biosciences 208, 300-311.
        """
        return torch.where(self.infector >= 0, self.day - self.day[self.infector.clamp(min=0)], torch.nan)

    def offspring(self) -> Tensor:
        """How many cases each case infected, int64 `[cases]`; who has no known infector is nobody's."""
        return torch.bincount(self.infector[self.infector >= 0], minlength=len(self.infector))

    def case_reproduction(self) -> Tensor:
        """The mean offspring of the cases of each day, float64 `[days]` from day 0; NaN where there are none.

        Cases before day 0, and those whose day is unknown, are in none, but are offspring of others.

        Source: Wallinga and Teunis (2004), American Journal of Epidemiology 160, 509-516, of known infectors.
        """
        there = self.day >= 0
        day = self.day[there].long()
        cases = torch.bincount(day)
        caused = torch.zeros(len(cases), dtype=torch.float64).index_add_(0, day, self.offspring()[there].double())
        return torch.where(cases > 0, caused / cases, torch.nan)
