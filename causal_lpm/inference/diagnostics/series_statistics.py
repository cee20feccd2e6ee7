"""What series are judged by: size and shape of an epidemic, patterns of weeks, clusters of days, differences of groups.

Each statistic is one number of a series; all series of a set, predicted and observed, are treated alike, so that a
series from the same distribution as the others has a uniform rank among them.
"""

from collections.abc import Callable

import numpy as np

from causal_lpm.inference.diagnostics.arrays import Floats

__all__ = ["BETWEEN", "OF_SERIES", "between_groups", "compressed"]

FEWEST_FOR_GROWTH = 3
DISPERSION = 10.0
FEWEST_SCATTER = 0.5  # of a day's level, in units of the standard deviation of Poisson's counts
ONE_DAY = 4.0  # standard deviations that a single day may add to a pattern of weeks
ROUNDING = 1e-9  # below, numbers do not differ
WINDOW = 7  # days, over which a trend is taken out, and days of a week

Statistic = Callable[[Floats, Floats], Floats]


def _level(series: Floats) -> Floats:
    """log(x + 1/2) of counts; series of which some number is negative, as they are."""
    return np.log(series + 0.5) if series.min() >= 0 else series


def _growth(series: Floats, days: Floats) -> Floats:
    """Slope a day of the level up to the day when the mean series peaks; over all days, if that is too soon."""
    until = int(series.mean(0).argmax()) + 1
    until = until if until >= FEWEST_FOR_GROWTH else days.size
    time = days[:until] - days[:until].mean()
    slope: Floats = _level(series[:, :until]) @ time / np.square(time).sum()
    return slope


def _largest_sum(length: int) -> Statistic:
    def of(series: Floats, days: Floats) -> Floats:
        """The largest sum of so many days in a row, of which those that are missing count nothing."""
        first = days[:, None] >= days[None, :]  # day of the sum, day of its beginning
        inside = first & (days[:, None] < days[None, :] + length)
        largest: Floats = (series @ inside).max(1)
        return largest

    return of


def _days_outside(series: Floats, days: Floats) -> Floats:
    """On how many days a series lies outside of the middle 95% of all."""
    low, high = np.quantile(series, [0.025, 0.975], axis=0)
    outside: Floats = ((series < low) | (series > high)).sum(1).astype(np.float64)
    return outside


def _residuals(series: Floats, days: Floats) -> tuple[Floats, Floats]:
    """What is unexpected of each day, in its standard deviations, `[row, day]`, and how much a day can tell, `[day]`.

    Of the level, less its mean over a week around each day, which has every weekday once; less the same of most series.
    Twice as many cases move the level of a day with few of them less.
    """
    near = (np.abs(days[:, None] - days[None, :]) <= WINDOW // 2).astype(np.float64)
    level = _level(series)
    rest = level - level @ (near / near.sum(0))
    rest = rest - rest.mean(0)
    spread = np.sqrt(np.square(rest).mean(0))
    varies = spread > ROUNDING * (1 + np.abs(level).mean(0))
    mean = series.mean(0)
    counts = series.min() >= 0
    moved = mean / (mean + 0.5) if counts else np.ones(days.size)
    # A day that is the same in nearly all series, such as the first one, would outweigh all others: what a day can tell
    # ends where its scatter is half that of Poisson's counts.
    least = FEWEST_SCATTER * np.sqrt(mean) / (mean + 0.5) if counts else 0.0
    tells = np.divide(moved, np.maximum(spread, least), out=np.zeros_like(spread), where=varies)
    return np.divide(rest, spread, out=np.zeros_like(rest), where=varies), tells


def _weekday(series: Floats, days: Floats) -> Floats:
    """How far the mean residual of two neighbouring days of a week is from zero, in standard errors; the farthest.

    A pattern shows on many days: a residual counts up to four standard deviations, so that no single day makes it.
    """
    rest, tells = _residuals(series, days)
    rest = rest.clip(-ONE_DAY, ONE_DAY)
    phase = days.astype(np.int64) % WINDOW
    of_pair = (phase[:, None] == np.arange(WINDOW)) | (phase[:, None] == (np.arange(WINDOW) + 1) % WINDOW)
    weights = of_pair * tells[:, None]
    error = np.sqrt(np.square(weights).sum(0))
    scores = np.divide(rest @ weights, error, out=np.zeros((len(rest), WINDOW)), where=error > 0)
    farthest: Floats = np.abs(scores).max(1)
    return farthest


def _lag_7(series: Floats, days: Floats) -> Floats:
    """The correlation of residuals with those of a week later."""
    rest, tells = _residuals(series, days)
    scaled = rest * tells
    first, second = np.nonzero(days[None, :] - days[:, None] == WINDOW)
    products, squares = (scaled[:, first] * scaled[:, second]).sum(1), np.square(scaled).sum(1)
    correlation: Floats = np.divide(products, squares, out=np.zeros_like(squares), where=squares > 0)
    return correlation


OF_SERIES: dict[str, tuple[int, Statistic]] = {
    "peak": (3, lambda series, days: series.max(1)),
    "peak day": (3, lambda series, days: days[series.argmax(1)]),
    "total": (1, lambda series, days: series.sum(1)),
    "growth": (FEWEST_FOR_GROWTH, _growth),
    "largest sum of 2 days": (7, _largest_sum(2)),
    "largest sum of 7 days": (14, _largest_sum(7)),
    "days outside 95%": (7, _days_outside),
    "weekday pattern": (14, _weekday),
    "lag 7 correlation": (21, _lag_7),
}
"""Name -> days that must be there, and the statistic of series `[row, day]` at these days, `[row]`."""
BETWEEN = "dispersion between groups"
SIZES = ("peak", "total", "largest sum of 2 days", "largest sum of 7 days", "days outside 95%")


def between_groups(totals: Floats) -> Floats:
    """How unlike the groups' shares of the total are to those of most series, `[row, group]` -> `[row]`."""
    level = _level(totals)
    own = level - level.mean(1, keepdims=True)
    dispersion: Floats = (own - np.median(own, axis=0)).std(1)
    return dispersion


def compressed(name: str, values: Floats) -> Floats:
    """Values `[row]` on a scale on which they scatter about evenly to both sides, with their sign.

    Sizes are roots where they are small and logarithms where they are large: the scale on which the variance of a
    negative binomial of dispersion 10 is constant.

    Source: Anscombe (1948), The transformation of Poisson, binomial and negative-binomial data, Biometrika 35:246-254.
    """
    return np.sign(values) * np.arcsinh(np.sqrt(np.abs(values) / DISPERSION)) if name in SIZES else values
