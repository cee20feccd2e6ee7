"""Reproduction numbers over time: of the days on which infections happen, and of those who were infected on a day."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from scipy import special
from torch import Tensor

from causal_lpm import validate
from causal_lpm.agents import Duration
from causal_lpm.measures.series import counts

__all__ = ["Reproduction", "cohort_reproduction", "instantaneous_reproduction"]


@dataclass(frozen=True)
class Reproduction:
    """A gamma distribution of the reproduction number of each day, float64 `[*dims, days]`; NaN where there is none.

    Attributes:
        shape: Of the gamma distribution.
        scale: The same.
    """

    shape: Tensor
    scale: Tensor

    @property
    def mean(self) -> Tensor:
        return self.shape * self.scale

    @property
    def sd(self) -> Tensor:
        return self.shape.sqrt() * self.scale

    def quantile(self, level: float) -> Tensor:
        """The quantile at `level`, such as .025 and .975 for a 95% interval.

        Raises:
            ValueError: a level outside [0, 1].
        """
        validate.probability("the level of a quantile", level)
        return torch.as_tensor(special.gammaincinv(self.shape.numpy(), level)) * self.scale


def instantaneous_reproduction(
    incidence: Any,
    generation: Duration | Sequence[float],
    window: int = 7,
    prior_mean: float = 5.0,
    prior_sd: float = 5.0,
) -> Reproduction:
    """How many others each infectious agent would infect if all days were like those of the window that ends on a day.

    Infections of a day are Poisson with mean R times the infections of earlier days, weighted by the generation
    interval; R has a gamma prior and is the same in the days of a window.

    Args:
        incidence: New infections a day, `[*dims, days]`, the first ones included; those of other places among the first
            count as infectors only.
        generation: Probabilities of a generation interval of 0, 1, 2 ... days; of 0 it must be 0.
        window: Days.
        prior_mean: Mean of the gamma prior.
        prior_sd: Its standard deviation.

    Returns:
        The posterior; NaN until the first window ends, which begins on day 1 at the earliest, and where no earlier
        infections can have led to those of the window.

    Raises:
        ValueError: an interval of 0 days, probabilities that do not sum to 1, a prior that is not positive, a window
            that is no whole number of at least 1.

    Source: Cori, Ferguson, Fraser and Cauchemez (2013), American Journal of Epidemiology 178, 1505-1512, with its prior
    (mean and standard deviation 5) and window (7 days).

    >>> r = instantaneous_reproduction([8, 16, 32, 64, 128], (0.0, 1.0), window=2)
    >>> r.mean
    tensor([   nan,    nan, 2.0248, 2.0124, 2.0062], dtype=torch.float64)
    """
    cases = counts("the incidence", incidence)
    window = validate.whole_number("window", window)
    law = generation if isinstance(generation, Duration) else Duration(tuple(generation))
    if law.probabilities[0] > 0:
        raise ValueError(
            f"a generation interval of 0 days has the probability {law.probabilities[0]:g}: infectors were infected on "
            "an earlier day; give it 0, and spread it over later days."
        )
    if not (0 < prior_mean < math.inf and 0 < prior_sd < math.inf):
        raise ValueError(f"the prior has mean {prior_mean} and sd {prior_sd}: both must be positive, and finite.")
    days = cases.shape[-1]
    pressure = torch.zeros_like(cases)
    for lag, share in enumerate(law.probabilities[:days]):
        if share and lag:
            pressure[..., lag:] += share * cases[..., : days - lag]
    shape, rate = (prior_mean / prior_sd) ** 2, prior_mean / prior_sd**2
    in_window, weighted = _summed(cases, window), _summed(pressure, window)
    known = (torch.arange(days) >= window) & (weighted > 0)
    return Reproduction(
        torch.where(known, shape + in_window, torch.nan), torch.where(known, 1 / (rate + weighted), torch.nan)
    )


def _summed(series: Tensor, window: int) -> Tensor:
    """The sum over the window that ends on each day, of which days before the first have nothing.

    Windows are summed one by one: in differences of running sums, one unknown day would take all later ones with it.
    """
    return torch.nn.functional.pad(series, (window - 1, 0)).unfold(-1, window, 1).sum(-1)


class Tree(Protocol):
    """What is needed of who infected whom: a `causal_lpm.inference.TransmissionTree`, or an `InfectorList`."""

    def case_reproduction(self) -> Tensor: ...


def cohort_reproduction(tree: Tree) -> Tensor:
    """How many others those infected on a day infected on average, float64 `[rows, days]`; NaN where nobody was.

    Of an `InfectorList`, `[days]`.

    It looks ahead: those of the last days have not had the time to infect anybody. The instantaneous number looks back,
    and moves at once when contacts change.

    Source: Wallinga and Teunis (2004), American Journal of Epidemiology 160, 509-516, with infectors that are known;
    Gostic et al. (2020), PLOS Computational Biology 16, e1008409, for the difference.

    >>> from causal_lpm.measures import InfectorList
    >>> cohort_reproduction(InfectorList(day=[0, 2, 2, 5], infector=[-1, 0, 0, 2]))
    tensor([2.0000,    nan, 0.5000,    nan,    nan, 0.0000], dtype=torch.float64)
    """
    return tree.case_reproduction()
