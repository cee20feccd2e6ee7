"""How good forecasts were: proper scores of samples and intervals, and the baseline that a forecast has to beat.

Scores are in the units of the data, and smaller is better. A score is proper if nobody can expect a better one than by
forecasting what he believes (Gneiting and Raftery 2007, JASA 102:359).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from causal_lpm import validate
from causal_lpm.inference.diagnostics.arrays import Floats

__all__ = [
    "HUB_LEVELS",
    "crps",
    "interval_score",
    "last_value_baseline",
    "weighted_interval_score",
]

HUB_LEVELS = (0.01, 0.025, *(round(0.05 * k, 2) for k in range(1, 20)), 0.975, 0.99)
"""The 23 quantiles of the forecast hubs for COVID-19 and influenza."""


def crps(samples: npt.ArrayLike, observed: npt.ArrayLike) -> Floats:
    """The continuous ranked probability score of samples, `[...]`; NaN where nothing was observed.

    The fair form, E|X - y| - E|X - X'| / 2 over different samples: its expectation does not depend on how many samples
    there are (Ferro 2014, QJRMS 140:1917). It can be slightly negative.

    Args:
        samples: Of the forecast, `[samples, ...]`, at least two.
        observed: What came, `[...]`.

    Raises:
        ValueError: fewer than two samples, samples that are not finite, or shapes that do not fit.

    >>> crps([1.0, 3.0], 2.0)
    array(0.)
    >>> crps([1.0, 1.0, 1.0], 4.0)
    array(3.)
    """
    x, y = _fitting("samples", samples, observed, 2)
    count = len(x)
    weights = (2.0 * np.arange(1, count + 1) - count - 1).reshape(-1, *[1] * y.ndim)
    spread = (weights * np.sort(x, axis=0)).sum(0) / (count * (count - 1))  # half of the mean difference of a pair
    return np.asarray(np.abs(x - y).mean(0) - spread)


def interval_score(low: npt.ArrayLike, high: npt.ArrayLike, observed: npt.ArrayLike, level: float) -> Floats:
    """The score of a central interval: its width, and 2 / (1 - level) times how far the observation lies outside.

    Args:
        low: Lower end, `[...]`.
        high: Upper end, `[...]`.
        observed: What came, `[...]`.
        level: Of the interval, as 0.9.

    Raises:
        ValueError: a level outside of (0, 1), or a lower end above the upper one.

    >>> interval_score(10.0, 20.0, 22.0, level=0.5)
    array(18.)
    """
    if not 0 < level < 1:
        raise ValueError(f"level is {level}: an interval's level must be between 0 and 1, as 0.9.")
    lower, upper, y = (np.asarray(each, dtype=np.float64) for each in (low, high, observed))
    if bool((lower > upper).any()):
        raise ValueError("an interval has its lower end above its upper end: swap them.")
    outside = np.maximum(lower - y, 0) + np.maximum(y - upper, 0)
    return np.asarray(upper - lower + 2 / (1 - level) * outside + 0 * y)  # NaN where nothing was observed


def weighted_interval_score(
    quantiles: npt.ArrayLike, observed: npt.ArrayLike, levels: Sequence[float] = HUB_LEVELS
) -> Floats:
    """The weighted interval score of quantiles, `[...]`: an approximation of the CRPS that needs quantiles alone.

    The median's absolute error and the scores of K central intervals, with weights 1/2 and (1 - level) / 2, divided by
    K + 1/2 (Bracher, Ray, Gneiting and Reich 2021, PLoS Computational Biology 17:e1008618).

    Args:
        quantiles: `[levels, ...]`.
        observed: What came, `[...]`; NaN where nothing was.
        levels: Of the quantiles, ascending, symmetric around the median 0.5; by default the 23 of the forecast hubs.

    Raises:
        ValueError: levels that are not symmetric with a median, quantiles that do not ascend, or shapes that do not
            fit.

    >>> weighted_interval_score([10.0, 14.0, 20.0], 20.0, levels=(0.25, 0.5, 0.75))
    array(3.66666667)
    """
    tau = np.asarray(levels, dtype=np.float64)
    median = len(tau) // 2
    symmetric = bool(np.allclose(tau + tau[::-1], 1.0)) and bool((np.diff(tau) > 0).all()) and bool(tau[0] > 0)
    if len(tau) % 2 == 0 or not symmetric:
        raise ValueError(f"the levels are {tuple(levels)}: give ascending ones around 0.5, as (0.05, 0.5, 0.95).")
    q, y = _fitting("quantiles", quantiles, observed, 1)
    if len(q) != len(tau):
        raise ValueError(f"there are {len(q)} quantiles for {len(tau)} levels: give one a level, levels first.")
    if bool((np.diff(q, axis=0) < 0).any()):
        raise ValueError("the quantiles do not ascend with their levels: sort them.")
    total = np.abs(y - q[median]) / 2
    for k in range(median):
        total = total + tau[k] * interval_score(q[k], q[-1 - k], y, level=1 - 2 * tau[k])
    return np.asarray(total / (median + 0.5))


def last_value_baseline(
    history: npt.ArrayLike, horizon: int, samples: int = 1_000, seed: int = 0, low: float = 0.0
) -> Floats:
    """What a forecast has to beat: the last value, spread as past differences were, `[samples, ..., horizon]`.

    The baseline of the forecast hubs: a random walk whose steps are drawn from the differences of known neighbours and
    their negatives, so that the median stays at the last value. It knows nothing of weekdays or seasons. Source: Cramer
    et al. 2022, PNAS 119:e2113561119.

    Args:
        history: Before the forecast, `[..., days]`, NaN where missing.
        horizon: Days to forecast.
        samples: Of the baseline.
        seed: Of the samples.
        low: Below which nothing can come, as 0 for counts.

    Raises:
        ValueError: a series without a known difference of two days that follow each other.

    >>> last_value_baseline([4.0, 6.0, 5.0], horizon=2, samples=3, seed=1).shape
    (3, 2)
    """
    past = np.asarray(history, dtype=np.float64)
    horizon, samples = validate.whole_number("horizon", horizon), validate.whole_number("samples", samples)
    if past.ndim == 0:
        raise ValueError("the history is one number: give the days before the forecast, [..., days].")
    random = np.random.default_rng(seed)
    walks = np.empty((samples, *past.shape[:-1], horizon))
    for at in np.ndindex(past.shape[:-1]):
        steps = np.diff(past[at])
        steps = steps[~np.isnan(steps)]
        if not steps.size:
            where = f" of series {at}" if at else ""
            raise ValueError(f"the history{where} has no two days that follow each other: give a longer one.")
        last = past[at][~np.isnan(past[at])][-1]
        drawn = random.choice(np.concatenate([steps, -steps]), (samples, horizon))
        walks[(slice(None), *at)] = last + drawn.cumsum(1)
    return np.maximum(walks, low)


def _fitting(what: str, given: npt.ArrayLike, observed: npt.ArrayLike, fewest: int) -> tuple[Floats, Floats]:
    x, y = np.asarray(given, dtype=np.float64), np.asarray(observed, dtype=np.float64)
    if x.ndim == 0 or len(x) < fewest or x.shape[1:] != y.shape:
        raise ValueError(
            f"{what} have shape {list(x.shape)} and what came {list(y.shape)}: give [{what}, ...] and [...], with at "
            f"least {fewest} {what}."
        )
    if not bool(np.isfinite(x).all()):
        raise ValueError(f"the {what} hold NaN or infinity: leave those out.")
    return x, y
