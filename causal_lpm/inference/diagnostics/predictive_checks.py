"""Posterior predictive checks of what epidemics are judged by: sizes, growth, weeks, clusters of days, groups."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from causal_lpm.inference.diagnostics.arrays import Floats
from causal_lpm.inference.diagnostics.report import WARN_P, Gate, gate_of_test
from causal_lpm.inference.diagnostics.series_statistics import (
    BETWEEN,
    OF_SERIES,
    ROUNDING,
    between_groups,
    compressed,
)
from causal_lpm.validate import known

__all__ = ["STATISTICS", "Check", "predictive_checks", "predictive_gate"]

STATISTICS = (*OF_SERIES, BETWEEN)
TAIL, NORMAL_TAIL = 0.01, 2.33  # share of series on either side; where it begins in a normal distribution
NAMED = 5  # statistics that no draw reaches
HEAVY = 1.5  # times as far, from where a tail is a unit of its own


@dataclass(frozen=True)
class Check:
    """One statistic of one group of one site, observed and predicted.

    Attributes:
        site: of the data.
        group: its number; None for all groups together.
        statistic: one of `STATISTICS`; growth is per day, of the log, up to the day when the mean series peaks.
        observed: its value in the data.
        low: 2.5 percentile of the predictions.
        high: 97.5 percentile of the predictions.
        p: two-sided posterior predictive p-value, by itself (not corrected for the other checks).
    """

    site: str
    group: int | None
    statistic: str
    observed: float
    low: float
    high: float
    p: float


def predictive_checks(
    predicted: Mapping[str, npt.ArrayLike], observed: Mapping[str, npt.ArrayLike]
) -> tuple[Check, ...]:
    """All statistics of every group of every site, and of all its groups together, against the posterior predictive.

    Days that are missing in the data are left out of the predictions too. The total needs a day, peak and growth 3, the
    largest sum of 2 days and the number of days outside of 95% need 7, the weekday pattern and the largest sum of 7
    days 14, the correlation with a week later 21; the dispersion between groups needs two groups. Growth is the slope
    of log(x + 1/2) per day, for counts; a weekday pattern is of two neighbouring days of a week, in standard errors.

    Args:
        predicted: site -> series `[draw, group, day]` or `[draw, day]`, reporting noise included.
        observed: site -> data `[group, day]` or `[day]`; NaN is a missing day.

    Raises:
        ValueError: sites or shapes that do not fit, predictions that are not finite, or no data.

    Example:
        >>> days = np.arange(30)
        >>> draws = np.random.default_rng(0).poisson(5 * np.exp(0.1 * days), (500, 30))
        >>> checks = predictive_checks({"cases": draws}, {"cases": 5 * np.exp(0.2 * days)})
        >>> checks[3].statistic, round(checks[3].observed, 2), checks[3].p < 0.01
        ('growth', 0.2, True)
    """
    labels, values = _statistics(predicted, observed)
    data, replicated = values[-1], values[:-1]
    low, high = np.quantile(replicated, [0.025, 0.975], axis=0)
    above, below = ((1 + side.sum(0)) / len(values) for side in (replicated >= data, replicated <= data))
    p = np.minimum(1.0, 2 * np.minimum(above, below))
    columns = (data.tolist(), low.tolist(), high.tolist(), p.tolist())
    return tuple(Check(*label, *row) for label, *row in zip(labels, *columns, strict=True))


def predictive_gate(
    predicted: Mapping[str, npt.ArrayLike],
    observed: Mapping[str, npt.ArrayLike],
    groups: Mapping[str, Sequence[str]] | None = None,
) -> Gate:
    """Fails if the data lie outside the posterior predictive in any statistic.

    One test for all: the farthest statistic in standard deviations (sizes compressed, heavy tails in their own units),
    of the data among the same of every predicted series (the maximum of a family: Westfall and Young 1993,
    Resampling-based multiple testing). Exact for data from the predictive distribution itself; since the posterior has
    seen the data, it fails less often than it says (Gelman, Meng, Stern 1996, Statistica Sinica 6:733-807). Where it
    does not pass, it names also what no predicted series reaches.

    Takes and raises what `predictive_checks` does, and site -> labels of its groups for the sentence.
    """
    labels, values = _statistics(predicted, observed)
    columns = [compressed(name, column) for (_, _, name), column in zip(labels, values.T, strict=True)]
    values = np.stack(columns, axis=1)
    distance = _distances(values)
    farthest = distance.max(1)
    p = float((farthest >= farthest[-1]).mean())
    checks = predictive_checks(predicted, observed)
    order = np.argsort(-distance[-1], kind="stable")
    check = checks[order[0]]
    interval = f"{check.observed:.3g} observed, predicted 95% {check.low:.3g} to {check.high:.3g}"
    finding = f"Farthest is the {_named(check, observed, groups)}: {interval}"
    if p < WARN_P:
        finding = f"The model does not reproduce the {_named(check, observed, groups)}: {interval}"
        beyond = (values[-1] > values[:-1].max(0)) | (values[-1] < values[:-1].min(0))
        others = [f"the {_named(checks[at], observed, groups)}" for at in order[1:] if beyond[at]]
        if others:
            finding += f"; no draw reaches {', '.join(others[:NAMED])}{' and more' * (len(others) > NAMED)}"
    next_step = "Change the model where it misses the data, as this statistic says: its structure, or its reporting."
    return gate_of_test("predictive checks", p, finding, next_step, len(values) - 1)


def _named(check: Check, observed: Mapping[str, npt.ArrayLike], groups: Mapping[str, Sequence[str]] | None) -> str:
    """A statistic of a site, and of its group where there are several."""
    if math.prod(np.shape(observed[check.site])[:-1]) == 1 or check.statistic == BETWEEN:
        return f"{check.statistic} of {check.site}"
    names = (groups or {}).get(check.site)
    numbered = f"group {check.group}" if names is None or check.group is None else names[check.group]
    return f"{check.statistic} of {check.site} ({'all groups' if check.group is None else numbered})"


def _distances(values: Floats) -> Floats:
    """How far each statistic is from its mean, `[row, statistic]`, in standard deviations, or in units of a heavy tail.

    In standard deviations a statistic that rarely moves, such as the total of a class in which nearly all fall ill,
    would be farthest in many predicted series, and hide what no series reaches. Where a tail is much longer than a
    normal one, it is the unit on its side. All rows are treated alike.
    """
    mean, spread = values.mean(0), values.std(0)
    spread = np.where(spread > ROUNDING * (1 + np.abs(values).mean(0)), spread, 1.0)
    low, high = np.abs(np.quantile(values, [TAIL, 1 - TAIL], axis=0) - mean) / NORMAL_TAIL
    below, above = (np.where(tail > HEAVY * spread, tail, spread) for tail in (low, high))
    away = values - mean
    distance: Floats = np.where(away < 0, -away / below, away / above)
    return distance


def _statistics(
    predicted: Mapping[str, npt.ArrayLike], observed: Mapping[str, npt.ArrayLike]
) -> tuple[list[tuple[str, int | None, str]], Floats]:
    """Labels (site, group, statistic) and values `[draw + 1, label]`; the last row is the data's."""
    labels: list[tuple[str, int | None, str]] = []
    columns: list[Floats] = []
    for site, data in observed.items():
        known("site of predictions", site, predicted)
        series, seen = _pooled(site, predicted[site], data)
        for group, values, days in _series_of(series, seen):
            for name, (fewest, statistic) in OF_SERIES.items():
                if days.size >= fewest:
                    labels.append((site, group, name))
                    columns.append(statistic(values, days))
        there = seen.any(1)
        if there.sum() > 1:
            labels.append((site, None, BETWEEN))
            columns.append(between_groups(np.where(seen, series, 0.0)[:, there].sum(2)))
    if not columns:
        raise ValueError("no site has data on any day: there is nothing to check.")
    if len({len(column) for column in columns}) > 1:
        raise ValueError("the sites have different numbers of predicted draws: predict all sites from the same draws.")
    return labels, np.stack(columns, axis=1)


def _series_of(series: Floats, seen: npt.NDArray[np.bool_]) -> Iterator[tuple[int | None, Floats, Floats]]:
    """Each group with data, and the sum of all groups where there are several: its number, series and days."""
    for group in np.flatnonzero(seen.any(1)).tolist():
        yield group, series[:, group, seen[group]], np.flatnonzero(seen[group]).astype(np.float64)
    everywhere = seen.all(0)
    if len(seen) > 1 and everywhere.any():
        yield None, series[:, :, everywhere].sum(1), np.flatnonzero(everywhere).astype(np.float64)


def _pooled(site: str, predicted: npt.ArrayLike, observed: npt.ArrayLike) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Predictions and then data, `[draw + 1, group, day]`, and which days were observed, `[group, day]`."""
    data = np.asarray(observed, dtype=np.float64)
    series = np.asarray(predicted, dtype=np.float64)
    if data.ndim < 2 and series.ndim == data.ndim + 1:  # one group, or one number
        data, series = data.reshape(1, -1), series.reshape(len(series), 1, -1)
    if data.ndim != 2 or series.ndim != 3 or series.shape[1:] != data.shape or not len(series):
        raise ValueError(
            f"site {site!r} has predictions of shape {list(series.shape)} and data of shape {list(data.shape)}: "
            "they must be [draw, group, day] and [group, day], or [draw, day] and [day]."
        )
    seen = ~np.isnan(data)
    if not np.isfinite(series[:, seen]).all():
        raise ValueError(f"predictions of site {site!r} are not finite: leave out the draws whose simulation failed.")
    return np.concatenate([series, data[None]]), seen
