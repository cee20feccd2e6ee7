"""Whole numbers from the discrete Gaussian distribution, exactly: rational arithmetic and the system's own randomness.

Canonne, Kamath and Steinke (2020), "The discrete Gaussian for differential privacy", algorithms 1 to 3: no float is
rounded on the way, so that no number that should be possible is impossible (Mironov 2012 attacks floats that are).
"""

import math
import secrets
from collections.abc import Callable
from fractions import Fraction

__all__ = ["discrete_gaussian"]

Below = Callable[[int], int]
"""A uniform whole number from 0 to below n, such as `secrets.randbelow`."""


def discrete_gaussian(sigma2: Fraction | int, below: Below = secrets.randbelow) -> int:
    """A whole number x with probability proportional to exp(-x^2 / (2 sigma2)).

    Args:
        sigma2: The parameter, above 0; the variance is a little less, and for 1 and more equal to eight digits.
        below: Source of randomness; another one than the system's is for tests.

    Raises:
        ValueError: sigma2 that is not positive.

    >>> abs(discrete_gaussian(4)) < 40
    True
    """
    sigma2 = Fraction(sigma2)
    if sigma2 <= 0:
        raise ValueError(f"sigma2 is {sigma2}: the variance of noise must be above 0.")
    t = math.isqrt(int(sigma2)) + 1
    while True:
        y = _discrete_laplace(t, below)
        distance = abs(y) - sigma2 / t
        if _happens_exp(distance * distance / (2 * sigma2), below):
            return y


def _discrete_laplace(t: int, below: Below) -> int:
    """A whole number x with probability proportional to exp(-|x| / t)."""
    while True:
        u = below(t)
        if not _happens_exp(Fraction(u, t), below):
            continue
        v = 0
        while _happens_exp(Fraction(1), below):
            v += 1
        size, negative = u + t * v, below(2) == 1
        if not (negative and size == 0):  # zero has one sign
            return -size if negative else size


def _happens_exp(gamma: Fraction, below: Below) -> bool:
    """True with probability exp(-gamma)."""
    while gamma > 1:
        if not _happens_exp(Fraction(1), below):
            return False
        gamma -= 1
    k = 1
    while below(gamma.denominator * k) < gamma.numerator:  # with probability gamma / k
        k += 1
    return k % 2 == 1
