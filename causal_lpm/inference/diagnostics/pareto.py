"""Pareto-smoothed importance sampling: steadier weights, and k-hat, which says whether they can be trusted."""

import numpy as np
import numpy.typing as npt

from causal_lpm.inference.diagnostics.arrays import Floats, log_densities

__all__ = ["pareto_smooth"]

_FEWEST_IN_TAIL = 5


def pareto_smooth(log_weights: npt.ArrayLike) -> tuple[Floats, float]:
    """Log importance weights `[S]`, normalised, their largest replaced by quantiles of a generalised Pareto; and k-hat.

    What is given need not be normalised; -infinity is a weight of zero.

    k-hat below 0.5: fine; to 0.7: usable; above: the mean under these weights is not to be trusted. It is infinite if
    there are too few draws to tell, and -infinity if the largest weights are all the same.

    Source: Vehtari, Simpson, Gelman, Yao, Gabry 2024, JMLR 25(72):1-58; fit of the Pareto by Zhang and Stephens 2009,
    Technometrics 51:316-325, with the weak prior of the former.

    Raises:
        ValueError: not a vector of numbers, or all weights are zero.

    Example:
        >>> weights, k = pareto_smooth(0.1 * np.random.default_rng(0).normal(size=1000))
        >>> bool(k < 0.5), round(float(np.exp(weights).sum()), 6)
        (True, 1.0)
    """
    logs = log_densities("log_weights", log_weights, 1, "[draws]")
    if logs.max() == -np.finfo(np.float64).max:
        raise ValueError("all log_weights are -infinity: the proposal never met the posterior; choose another.")
    logs = logs - logs.max()
    tail = int(np.ceil(min(logs.size / 5, 3 * np.sqrt(logs.size))))
    k = np.inf
    if tail >= _FEWEST_IN_TAIL:
        order = np.argsort(logs)
        largest, cutoff = order[-tail:], logs[order[-tail - 1]]
        excess = np.exp(logs[largest]) - np.exp(cutoff)
        k = -np.inf
        if excess[0] < excess[-1]:
            k, sigma = _fit(excess[excess > 0])
            quantiles = (np.arange(tail) + 0.5) / tail
            with np.errstate(over="ignore"):  # of a hopeless k the largest quantiles are infinite, and cut below
                smooth = sigma * (np.expm1(-k * np.log1p(-quantiles)) / k if k else -np.log1p(-quantiles))
            logs = logs.copy()
            logs[largest] = np.minimum(np.log(smooth + np.exp(cutoff)), 0.0)
    normalised: Floats = logs - np.logaddexp.reduce(logs)
    return normalised, float(k)


def _fit(excess: Floats) -> tuple[float, float]:
    """Shape k and scale sigma of a generalised Pareto distribution, from its sorted positive values `[n]`."""
    n = excess.size
    grid = 30 + int(np.sqrt(n))
    steps = 1 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))
    theta = 1 / excess[-1] + steps / (3 * excess[int(n / 4 + 0.5) - 1])
    shapes = np.log1p(-theta[:, None] * excess).mean(1)
    profile = n * (np.log(-theta / shapes) - shapes - 1)
    weights = np.exp(profile - np.logaddexp.reduce(profile))
    best = float((theta * weights).sum())
    k = float(np.log1p(-best * excess).mean())
    sigma = -k / best
    return (n * k + 10 * 0.5) / (n + 10), sigma
