"""Whole numbers of people from tables: counts that keep their sums, and years within classes of age."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

__all__ = ["OLDEST", "Counts", "Floats", "apportioned", "spread", "years"]

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

OLDEST = 100
"""The last year of age; everybody who is older counts here."""


def apportioned(weights: Floats, total: int) -> Counts:
    """Whole numbers in proportion to the weights, in the same shape, that sum to the total.

    The running sums are rounded, so that each number, and each sum of consecutive ones, is less than one off.

    >>> apportioned(np.array([1.0, 1.0, 1.0, 3.0]), 10)
    array([2, 1, 2, 5])
    """
    ends = np.floor(np.cumsum(weights) / weights.sum() * total + 0.5).astype(np.int64)
    ends[-1] = total
    counts: Counts = np.diff(ends, prepend=0).reshape(weights.shape)
    return counts


def years(lower: Sequence[int], persons: Floats) -> Floats:
    """Persons by year of age, 0 to 100, from classes that begin at `lower`; the last begins at 100 and stays whole.

    The running sum is interpolated monotonely (Fritsch and Carlson 1980, SIAM J. Numer. Anal. 17), which keeps the
    classes, gives no negative number, and has no steps between classes.

    >>> by_year = years([0, 50, 100], np.array([50.0, 50.0, 3.0]))
    >>> by_year[:2], by_year[100]
    (array([1., 1.]), np.float64(3.0))
    """
    ends = np.append(lower, OLDEST + 1)
    running = PchipInterpolator(ends[:-1], np.cumsum(np.append(0.0, persons[:-1])))
    return np.append(np.maximum(np.diff(running(np.arange(OLDEST + 1))), 0.0), persons[-1])


def spread(lower: Sequence[int], persons: Floats, profile: Floats) -> Floats:
    """Persons by year of age from classes that begin at `lower`, the last open, spread in each as the profile is.

    >>> spread([0, 99], np.array([100.0, 6.0]), np.append(np.ones(100), 0.5))[97:]
    array([1.01010101, 1.01010101, 4.        , 2.        ])
    """
    in_class = np.searchsorted(lower, np.arange(OLDEST + 1), side="right") - 1
    whole = np.bincount(in_class, profile, minlength=len(lower))
    result: Floats = profile * (persons / whole)[in_class]
    return result
