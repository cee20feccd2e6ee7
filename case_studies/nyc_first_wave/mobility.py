"""Why people met less: the order, deaths in the news, and what neither explains.

The fall of mobility is `f(order, recent deaths) + residual`. A counterfactual recomputes f with its own order and its
own deaths, day by day, and keeps the residual.
"""

import math
from dataclasses import dataclass

import torch

from case_studies.nyc_first_wave.data import FirstWave, day_of
from case_studies.nyc_first_wave.question import ORDER_DAY

__all__ = ["MEMORY", "MobilityResponse", "fear", "fitted"]

MEMORY = 7.0
"""Days over which people remember deaths (exponential average)."""
NOTICED = 10.0
"""Deaths a day in the city at which they begin to be noticed."""


def fear(recent: torch.Tensor) -> torch.Tensor:
    """What recent deaths a day do to people, up to a factor: log(1 + deaths / 10)."""
    return torch.log1p(recent / NOTICED)


@dataclass(frozen=True)
class MobilityResponse:
    """f of the order and of recent deaths, and the fall that was observed.

        f = level + size * course(day; order) + deaths * fear(recent deaths)

    `course` rises from 0 to 1 along a logistic curve, observed about `middle` with scale `width`; part of it lies ahead
    of the order. When the order moves, what lies after it moves along; of what lies ahead, the share `anticipation`.

    Attributes:
        level: fall without order and deaths.
        size: fall between the beginning and the end of the course.
        deaths: fall a unit of `fear`.
        middle: day at which half of the course has happened.
        width: scale of the logistic curve, days.
        observed: float32 `[days]`, the fall that was observed.
        fear: float32 `[days]`, `fear` of the deaths that were reported.
        explained: share of the observed variance that f explains.
    """

    level: float
    size: float
    deaths: float
    middle: float
    width: float
    observed: torch.Tensor
    fear: torch.Tensor
    explained: float

    def residual(self) -> torch.Tensor:
        """What f does not explain, float32 `[days]`; the same in all worlds."""
        days = torch.arange(len(self.observed), dtype=torch.float32)
        return self.observed - self.level - self.size * self._course(days) - self.deaths * self.fear

    def fall(
        self,
        day: int,
        order_day: torch.Tensor,
        anticipation: torch.Tensor,
        recent: torch.Tensor,
        follows_deaths: torch.Tensor,
    ) -> torch.Tensor:
        """The fall on a day in a world with its own order and deaths; all arguments and the result `[*dims, 1]`.

        Args:
            day: Number of the day.
            order_day: Day of the order.
            anticipation: Share of the fall ahead of the order that would have moved along with it.
            recent: Deaths a day, remembered.
            follows_deaths: 1 where people react to this world's deaths, 0 where to those that were reported.
        """
        change = self.size * self._moved(day, order_day, anticipation)
        return self.observed[day] + change + follows_deaths * self.deaths * (fear(recent) - self.fear[day])

    def _moved(self, day: int, order_day: torch.Tensor, anticipation: torch.Tensor) -> torch.Tensor:
        """Course of the moved order minus the observed course: exactly 0 for an order that was not moved."""
        ahead = float(self._course(torch.tensor(float(ORDER_DAY))))
        there = self._course(day - (order_day - ORDER_DAY))
        here = self._course(torch.full_like(there, day))
        moved = torch.clamp(there, max=ahead) - torch.clamp(here, max=ahead)
        return anticipation * moved + torch.clamp(there, min=ahead) - torch.clamp(here, min=ahead)

    def _course(self, day: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid((day - self.middle) / self.width)


def fitted(wave: FirstWave) -> MobilityResponse:
    """The response f by least squares: the curve's middle and width from a grid, the three sizes by linear regression.

    Days until the end of May: reopening in June is left to the residual.
    """
    afraid = fear(remembered(wave.daily_deaths))
    days = torch.arange(day_of("2020-06-01"), dtype=torch.float32)
    fall, afraid_then = wave.fall[: len(days)], afraid[: len(days)]
    least, best = math.inf, [0.0] * 5
    for middle in torch.arange(10.0, 30.0, 0.25).tolist():
        for width in torch.arange(1.0, 6.0, 0.25).tolist():
            course = torch.sigmoid((days - middle) / width)
            columns = torch.stack([torch.ones_like(days), course, afraid_then], -1).double()
            sizes = torch.linalg.lstsq(columns, fall[:, None].double()).solution
            left = float((columns @ sizes - fall[:, None]).square().sum())
            if left < least:
                least, best = left, [*sizes.flatten().tolist(), middle, width]
    explained = 1 - least / float((fall - fall.mean()).double().square().sum())
    level, size, deaths, middle, width = best
    return MobilityResponse(level, size, deaths, middle, width, wave.fall, afraid, explained)


def remembered(deaths: torch.Tensor) -> torch.Tensor:
    """Daily deaths as people remember them on each day: an exponential average of the days before, `[days]`."""
    recent, memory = [], torch.zeros(())
    for today in deaths:
        recent.append(memory)
        memory = memory + (today - memory) / MEMORY
    return torch.stack(recent)
