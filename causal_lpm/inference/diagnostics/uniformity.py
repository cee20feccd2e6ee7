"""A test whether numbers are uniform on 0 to 1, which says in which way they are not."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from causal_lpm.inference.diagnostics.arrays import Floats, finite

__all__ = ["Uniformity", "uniform_of_ranks", "uniformity"]


@dataclass(frozen=True)
class Uniformity:
    """Neyman's smooth test of order 4.

    Attributes:
        p: its p-value.
        slope: standard normal if uniform; positive if large numbers are too many.
        bowl: standard normal if uniform; positive if both ends are too many (U), negative if too few (inverted U).
    """

    p: float
    slope: float
    bowl: float


def uniformity(u: npt.ArrayLike) -> Uniformity:
    """Tests numbers `[n]` in [0, 1] for uniformity against slopes, U shapes and two finer ones.

    The statistic is the sum of squares of the first four Legendre polynomials, each averaged over the numbers and
    scaled to variance 1; chi-squared with 4 degrees of freedom if they are uniform (Neyman 1937, Skandinavisk
    Aktuarietidskrift 20:149-199). Of fixed alternatives like U shapes and slopes it sees more than Kolmogorov-Smirnov
    or chi-squared bins. From about 50 numbers on, chi-squared is close.

    Raises:
        ValueError: numbers outside [0, 1].

    Example:
        >>> uniformity(np.linspace(0, 1, 200)).p > 0.9
        True
        >>> narrow = uniformity(np.random.default_rng(0).beta(0.5, 0.5, 200))
        >>> narrow.p < 0.001, narrow.bowl > 3
        (True, True)
    """
    from scipy.special import chdtrc  # costly to import, and only needed here

    values = finite("u", u, 1, "[numbers]")
    if values.min() < 0 or values.max() > 1:
        raise ValueError(f"u lies between {values.min():g} and {values.max():g}: it must be within 0 and 1.")
    degrees = np.arange(1, 5)
    polynomials = np.polynomial.legendre.legvander(2 * values - 1, 4)[:, 1:]
    components = polynomials.sum(0) * np.sqrt((2 * degrees + 1) / values.size)
    return Uniformity(float(chdtrc(4, np.square(components).sum())), float(components[0]), float(components[1]))


def uniform_of_ranks(ranks: npt.ArrayLike, draws: int, seed: int) -> Floats:
    """Ranks 0..`draws` as numbers in [0, 1): spread at random within their cell, so that uniform ranks stay exactly so.

    Raises:
        ValueError: a rank outside 0..`draws`.

    Example:
        >>> uniform_of_ranks([0, 99], draws=99, seed=0).round(2)
        array([0.01, 0.99])
    """
    whole = np.asarray(ranks)
    if whole.min() < 0 or whole.max() > draws:
        raise ValueError(f"ranks lie between {whole.min()} and {whole.max()}: they must be 0 to {draws}.")
    spread: Floats = (whole + np.random.default_rng(seed).random(whole.shape)) / (draws + 1)
    return spread
