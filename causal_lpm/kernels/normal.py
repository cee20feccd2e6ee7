"""Standard normal noise out of 64 random bits, by arithmetic that all machines round alike.

The inverse distribution function of Wichura, of 16 digits: sums, products and quotients of float64 in one order, and a
logarithm and a square root that are made of these too, since those of libraries differ in their last bits. `cpu_normal`
does the same operations in compiled loops, so the numbers are equal to the bit, not nearly always.

Source: Wichura (1988), Algorithm AS 241: the percentage points of the normal distribution, Applied Statistics 37.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["CENTRE", "FAR", "LN2", "LOG", "MIDDLE", "SQRT2", "standard_normal"]

Polynomials = tuple[tuple[float, ...], tuple[float, ...]]

CENTRE: Polynomials = (
    (2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4,
     1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080e0),
    (5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
     5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0),
)  # fmt: skip
"""Numerator and denominator, from the highest power, where the probability is not within 0.075 of 0 or 1."""

MIDDLE: Polynomials = (
    (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e0,
     3.64784832476320460504e0, 5.76949722146069140550e0, 4.63033784615654529590e0, 1.42343711074968357734e0),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
     6.89767334985100004550e-1, 1.67638483018380384940e0, 2.05319162663775882187e0, 1.0),
)  # fmt: skip

FAR: Polynomials = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
     2.96560571828504891230e-1, 1.78482653991729133580e0, 5.46378491116411436990e0, 6.65790464350110377720e0),
    (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
     1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0),
)  # fmt: skip
"""The same beyond exp(-25), as many as one number in 36 thousand million."""

LOG = tuple(1.0 / k for k in range(21, 0, -2))
"""Of log((1 + s) / (1 - s)) / (2 s) in s**2, from the highest power; what is left out is below 1e-18."""

SQRT2, LN2 = math.sqrt(2.0), math.log(2.0)


def standard_normal(words: Tensor) -> Tensor:
    """A standard normal number out of each word of 64 bits, float64 of the shape of `words`.

    One bit is the sign, 52 others the probability of what is further out: between 2**-54 and 1/2, so no number is
    beyond 8.3, and none is infinite.

    >>> standard_normal(torch.tensor([0, -1])).tolist()
    [-8.2..., 1.3...e-16]
    """
    outside = (((words >> 11) & ((1 << 52) - 1)).double() + 0.5) * 2.0**-53
    inside = 0.5 - outside
    square = 0.180625 - inside * inside
    centre = _ratio(CENTRE, square) * inside
    root = _square_root(-_log(outside))
    tail = torch.where(root <= 5.0, _ratio(MIDDLE, root - 1.6), _ratio(FAR, root - 5.0))
    distance = torch.where(inside <= 0.425, centre, tail)
    return torch.where(words < 0, distance, -distance)


def _ratio(of: Polynomials, x: Tensor) -> Tensor:
    return _polynomial(of[0], x) / _polynomial(of[1], x)


def _polynomial(coefficients: tuple[float, ...], x: Tensor) -> Tensor:
    value = x * coefficients[0] + coefficients[1]
    for coefficient in coefficients[2:]:
        value = value * x + coefficient
    return value


def _log(x: Tensor) -> Tensor:
    """The logarithm of positive float64 that are not subnormal."""
    parts = x.view(torch.int64)
    mantissa = ((parts & ((1 << 52) - 1)) | (1023 << 52)).view(torch.float64)
    large = mantissa > SQRT2
    exponent = ((parts >> 52) - 1023 + large).double()
    mantissa = torch.where(large, mantissa * 0.5, mantissa)
    s = (mantissa - 1.0) / (mantissa + 1.0)
    return exponent * LN2 + s * 2.0 * _polynomial(LOG, s * s)


def _square_root(x: Tensor) -> Tensor:
    """By Heron's method, from half of the exponent on: the fourth estimate is exact to the last bit or one beside."""
    root = ((x.view(torch.int64) >> 1) + (1023 << 51)).view(torch.float64)
    for _ in range(4):
        root = (root + x / root) * 0.5
    return root
