"""Posterior predictive checks of what epidemics are judged by: peak, peak day, total and growth."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from causal_lpm.inference.diagnostics.arrays import Floats
from causal_lpm.inference.diagnostics.report import WARN_P, Gate, gate_of_test
from causal_lpm.validate import known

__all__ = ["STATISTICS", "Check", "predictive_checks", "predictive_gate"]

STATISTICS = ("peak", "peak day", "total", "growth")
_FEWEST_DAYS = 3  # a group observed on fewer has no peak and no growth


@dataclass(frozen=True)
class Check:
    """One statistic of one group of one site, observed and predicted.

    Attributes:
        site: of the data.
        group: its number.
        statistic: one of `STATISTICS`; growth is per day, of the log, up to the day when the mean series peaks.
        observed: its value in the data.
        low: 2.5 percentile of the predictions.
        high: 97.5 percentile of the predictions.
        p: two-sided posterior predictive p-value, by itself (not corrected for the other checks).
    """

    site: str
    group: int
    statistic: str
    observed: float
    low: float
    high: float
    p: float


def predictive_checks(
    predicted: Mapping[str, npt.ArrayLike], observed: Mapping[str, npt.ArrayLike]
) -> tuple[Check, ...]:
    """Peak, peak day, total and growth of every group of every site, against the posterior predictive.

    Days that are missing in the data are left out of the predictions too; groups with fewer than 3 days are left out.
    Growth is the slope of log(x + 1/2) per day, for counts.

    Args:
        predicted: site -> series `[draw, group, day]` or `[draw, day]`, reporting noise included.
        observed: site -> data `[group, day]` or `[day]`; NaN is a missing day.

    Raises:
        ValueError: sites or shapes that do not fit, predictions that are not finite, or no group with 3 days.

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

    One test for all: the farthest statistic in standard deviations (peak and total as log1p), of the data among the
    same of every predicted series. Exact for data from the predictive distribution itself; since the posterior has
    seen the data, it fails less often than it says (Gelman, Meng, Stern 1996, Statistica Sinica 6:733-807).

    Args:
        predicted: site -> series `[draw, group, day]` or `[draw, day]`, the same draws for all sites.
        observed: site -> data `[group, day]` or `[day]`; NaN is a missing day.
        groups: site -> labels of its groups, for the sentence.

    Raises:
        ValueError: as of `predictive_checks`.
    """
    _, values = _statistics(predicted, observed)
    counts = np.array([name in ("peak", "total") for name in STATISTICS] * (values.shape[1] // len(STATISTICS)))
    values = np.where(counts, np.log1p(np.maximum(values, 0.0)), values)
    spread = values.std(0)
    distance = np.abs(values - values.mean(0)) / np.where(spread > 0, spread, 1.0)
    farthest = distance.max(1)
    p = float((farthest >= farthest[-1]).mean())
    check = predictive_checks(predicted, observed)[int(distance[-1].argmax())]
    label = (groups or {}).get(check.site, [f"group {number}" for number in range(check.group + 1)])[check.group]
    of_group = f" ({label})" if math.prod(np.shape(observed[check.site])[:-1]) > 1 else ""
    where = f"{check.statistic} of {check.site}{of_group}: {check.observed:.3g} observed"
    interval = f"predicted 95% {check.low:.3g} to {check.high:.3g}"
    finding = f"{'Farthest is the' if p >= WARN_P else 'The model does not reproduce the'} {where}, {interval}"
    next_step = "Change the model where it misses the data, as this statistic says: its structure, or its reporting."
    return gate_of_test("predictive checks", p, finding, next_step, len(values) - 1)


def _statistics(
    predicted: Mapping[str, npt.ArrayLike], observed: Mapping[str, npt.ArrayLike]
) -> tuple[list[tuple[str, int, str]], Floats]:
    """Labels (site, group, statistic) and values `[draw + 1, label]`; the last row is the data's."""
    labels: list[tuple[str, int, str]] = []
    columns: list[Floats] = []
    for site, data in observed.items():
        known("site of predictions", site, predicted)
        series, seen = _pooled(site, predicted[site], data)
        for group in np.flatnonzero(seen.sum(1) >= _FEWEST_DAYS).tolist():
            labels += [(site, group, name) for name in STATISTICS]
            columns.append(_of_group(series[:, group, seen[group]], np.flatnonzero(seen[group]).astype(np.float64)))
    if not columns:
        raise ValueError(f"no site has a group with data on {_FEWEST_DAYS} days: there is nothing to check.")
    if len({len(column) for column in columns}) > 1:
        raise ValueError("the sites have different numbers of predicted draws: predict all sites from the same draws.")
    return labels, np.concatenate(columns, axis=1)


def _pooled(site: str, predicted: npt.ArrayLike, observed: npt.ArrayLike) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Predictions and then data, `[draw + 1, group, day]`, and which days were observed, `[group, day]`."""
    data = np.asarray(observed, dtype=np.float64)
    series = np.asarray(predicted, dtype=np.float64)
    if data.ndim == 1 and series.ndim == 2:
        data, series = data[None], series[:, None]
    if data.ndim != 2 or series.ndim != 3 or series.shape[1:] != data.shape or not len(series):
        raise ValueError(
            f"site {site!r} has predictions of shape {list(series.shape)} and data of shape {list(data.shape)}: "
            "they must be [draw, group, day] and [group, day], or [draw, day] and [day]."
        )
    seen = ~np.isnan(data)
    if not np.isfinite(series[:, seen]).all():
        raise ValueError(f"predictions of site {site!r} are not finite: leave out the draws whose simulation failed.")
    return np.concatenate([series, data[None]]), seen


def _of_group(series: Floats, days: Floats) -> Floats:
    """The four statistics `[draw + 1, 4]` of series `[draw + 1, day]` at these days.

    Growth is taken over the same days of all series, until the mean of all peaks, so that data and predictions are
    treated alike; over all days, if that leaves fewer than three.
    """
    until = int(series.mean(0).argmax()) + 1
    until = until if until >= _FEWEST_DAYS else days.size
    time = days[:until] - days[:until].mean()
    growth = np.log(np.maximum(series[:, :until], 0.0) + 0.5) @ time / np.square(time).sum()
    return np.stack([series.max(1), days[series.argmax(1)], series.sum(1), growth], axis=1)
