"""Runs of a model, each weighed by how likely what was reported is in it."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import stats

__all__ = ["likelihood_weights"]

Floats: TypeAlias = npt.NDArray[np.float64]


def likelihood_weights(reported: Floats, expected: Floats, dispersion: Floats) -> Floats:
    """How likely the reports are in each run, relative to the other runs: `[runs, *groups]`, adding up to 1 over runs.

    Parameters may have seen the data; which luck they went with, their draws do not say.

    Args:
        reported: Counts, `[*groups, times]`.
        expected: Means of negative binomial counts in each run, above 0, `[runs, *groups, times]`.
        dispersion: Their size in each run, `[runs]`.

    >>> likelihood_weights(np.array([5.0]), np.array([[5.0], [50.0], [5.0]]), np.full(3, 10.0)).round(3)
    array([0.5, 0. , 0.5])
    """
    size = dispersion.reshape(-1, *(1,) * (expected.ndim - 1))
    log = stats.nbinom.logpmf(reported, size, size / (size + expected)).sum(-1)
    weight = np.exp(log - log.max(0))
    share: Floats = weight / weight.sum(0)
    return share
