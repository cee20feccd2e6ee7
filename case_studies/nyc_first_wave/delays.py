"""From infection to the day of a report: stages of constant hazard, as a state and as probabilities."""

import math
from dataclasses import dataclass, field

import torch

__all__ = ["ADMITTED", "DIED", "REPORTED", "Delay"]

LONGEST = 70  # days; what is left there, less than one in ten thousand, is divided among the others


@dataclass(frozen=True)
class Delay:
    """A chain of stages, each left with the same probability every day: a negative binomial number of days.

    One distribution in two forms: `advance` for a simulation that needs today's flux, `probabilities` for a series.

    Args:
        mean: Days.
        stages: Number of stages, the shortest delay in days.

    Raises:
        ValueError: fewer days than stages, or no stage.

    >>> delay = Delay(12.0, 4)
    >>> round(sum(days * p for days, p in enumerate(delay.probabilities)), 1)
    12.0
    """

    mean: float
    stages: int
    probabilities: tuple[float, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not 1 <= self.stages <= self.mean:
            raise ValueError(f"a delay of {self.mean} days in {self.stages} stages: each stage takes at least a day.")
        k, p = self.stages, self.leaving
        shares = [0.0] * k + [math.comb(d - 1, k - 1) * p**k * (1 - p) ** (d - k) for d in range(k, LONGEST + 1)]
        object.__setattr__(self, "probabilities", tuple(share / sum(shares) for share in shares))

    @property
    def leaving(self) -> float:
        """Probability of leaving a stage on a day."""
        return self.stages / self.mean

    def advance(self, waiting: list[torch.Tensor], new: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """One day of the chain.

        Args:
            waiting: People in each stage, `[*dims, 1]` a stage.
            new: People who enter the first stage today.

        Returns:
            People in each stage tomorrow, and those who leave the last one today.
        """
        leave = [self.leaving * stage for stage in waiting]
        entering = [new, *leave[:-1]]
        return [w - out + into for w, out, into in zip(waiting, leave, entering, strict=True)], leave[-1]


REPORTED = Delay(11.0, 4)
"""Infection to diagnosis: incubation 5.5 days on average (Lauer et al., Ann Intern Med 2020: median 5.1).

Onset to test 5.5 days is an assumption.
"""
ADMITTED = Delay(12.0, 4)
"""Infection to admission: incubation, and about 6.5 days from onset (median 7 in Wang et al., JAMA 2020;323:1061)."""
DIED = Delay(20.0, 5)
"""Infection to death: incubation, and about 14.5 days from onset.

An assumption: CDC's planning scenarios of 2020 have medians of 12 to 15 days by age (in the version that we found),
Verity et al. (Lancet Infect Dis 2020;20:669) a mean of 17.8.
"""
