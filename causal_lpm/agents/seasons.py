"""What the time of the year does to transmission: a wave, or school terms."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import torch

from causal_lpm import validate
from causal_lpm.ops.looking import check
from causal_lpm.ops.number_types import single_precision

__all__ = ["TERMS", "in_term", "seasonal"]

YEAR = 365.25

TERMS = ((7, 99), (116, 199), (252, 300), (308, 355))
"""First and last days of the year on which schools of England and Wales are open: all but Christmas (356 to 6), Easter
(100 to 115), summer (200 to 251) and autumn half term (301 to 307), as in Keeling, Rohani and Grenfell 2001, Physica D
148:317, and in many models of measles since."""


def seasonal(day: Any, amplitude: Any, peak_day: Any, period: float = YEAR) -> torch.Tensor:
    """A factor of mean 1 that follows a cosine: 1 + amplitude on the peak day, 1 - amplitude half a period later.

    Args:
        day: The time in days, such as `s["t"]`; numbers or tensors, as are the next two.
        amplitude: 0 (no season) to 1.
        peak_day: A day on which the factor is largest, counted as `day` is.
        period: Days from peak to peak.

    Returns:
        float32, of the broadcast shape.

    Raises:
        ValueError: an amplitude outside 0 to 1, a period that is not positive.

    Source: Aron and Schwartz 1984, J Theor Biol 110:665, and most models of seasonal transmission.

    >>> seasonal(torch.tensor([0.0, 182.625, 365.25]), amplitude=0.2, peak_day=0)
    tensor([1.2000, 0.8000, 1.2000])
    """
    if not 0 < period < math.inf:
        raise ValueError(f"the period of a season is {period}: give a positive number of days.")
    height, peak = single_precision("amplitude", amplitude), single_precision("peak_day", peak_day)
    check(
        (height,),
        lambda: bool(((height >= 0) & (height <= 1)).all()),
        lambda: f"the amplitude of a season is {float(height.flatten()[0]):g}: give a number from 0 to 1.",
    )
    phase = (torch.as_tensor(day, dtype=torch.float64) - peak.double()) * (2 * math.pi / period)
    return 1 + height * torch.cos(phase).float()


def in_term(
    day: Any, terms: Sequence[tuple[int, int]] = TERMS, day_0: int = 1, weekday_0: int | None = None
) -> torch.Tensor:
    """Whether schools are open: in term, and on weekdays where the weekday is known.

    Args:
        day: The time in days, such as `s["t"]`; a number or a tensor.
        terms: First and last day of each term, as days of the year from 1 (1 January) to 365; in order.
        day_0: Which day of the year day 0 is.
        weekday_0: Which weekday day 0 is, 0 for Monday to 6 for Sunday; None: schools are open at weekends, too.

    Returns:
        bool, of the shape of `day`. A year has 365 days.

    Raises:
        ValueError: terms that overlap, are not in order or outside 1 to 365; a day or weekday that there is not.

    >>> in_term(torch.tensor([5.0, 6.0, 200.0]))  # days 6, 7 and 201 of the year
    tensor([False,  True, False])
    """
    ends = [end for term in terms for end in term]
    if not ends or any(len(term) != 2 for term in terms) or ends != sorted(ends) or not 1 <= ends[0] <= ends[-1] <= 365:
        raise ValueError(
            f"the terms are {tuple(terms)}: give first and last day of each, days of the year from 1 to 365, in order "
            "and without overlaps."
        )
    if any(later <= last for (_, last), (later, _) in itertools.pairwise(terms)):
        raise ValueError(f"the terms are {tuple(terms)}: one begins before the term before it has ended.")
    first = validate.whole_number("day_0", day_0, low=1, high=365)
    today = torch.as_tensor(day).floor().to(torch.int64)
    of_year = (today + (first - 1)) % 365 + 1
    open_ = torch.zeros_like(of_year, dtype=torch.bool)
    for begin, end in terms:
        open_ = open_ | ((of_year >= begin) & (of_year <= end))
    if weekday_0 is not None:
        open_ = open_ & ((today + validate.whole_number("weekday_0", weekday_0, low=0, high=6)) % 7 < 5)
    return open_
