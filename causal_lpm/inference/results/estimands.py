"""Numbers that answer a question, each with what kind of statement it makes and its uncertainty.

Two intervals that are easily mixed up are both given and always named: the 95% interval of the MEAN (how well
this many replicates determine the expected effect; shrinks with more replicates) and the 2.5 and 97.5
percentiles of the REPLICATES (how much one epidemic differs from the next; does not shrink). The outer
percentiles of few replicates are guesses: below 40, tables and charts show the smallest and the largest instead.

Where epidemics may die out, replicates are of two kinds, and the interval of the mean knows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm.inference.results.dying_out import mixture_interval, share_interval, student_interval

__all__ = [
    "ENOUGH_FOR_PERCENTILES",
    "Estimate",
    "SignTurn",
    "averted",
    "died_out",
    "effects",
    "per_100k",
    "sign_turn",
    "summarize",
    "totals",
]

ENOUGH_FOR_PERCENTILES = 40  # one replicate in 40 is the 2.5% that lie outside at either end

Values = npt.NDArray[np.float64]


def per_100k(tree: xr.DataTree, outcome: str, by_group: bool = False) -> xr.DataArray:
    """Totals over all days per 100,000, `[replicate, world]`, or of each group's members, `[..., group]`."""
    counts = tree["predictions"].to_dataset()[outcome].sum("day")
    sizes = tree["constant_data"].to_dataset()["group_size"]
    if by_group:
        rate = counts * 1e5 / sizes.where(sizes > 0)
    else:
        rate = counts.sum("group") * 1e5 / sizes.sum("group")
    return rate.rename(outcome)


def averted(totals: xr.DataArray, other: str, reference: str) -> xr.DataArray:
    """The reference world minus the other one in the same replicate, `[replicate, ...]`."""
    return totals.sel(world=reference, drop=True) - totals.sel(world=other, drop=True)


def died_out(tree: xr.DataTree, share: float = 0.01, outcome: str = "infections") -> xr.DataArray:
    """Which replicates had an epidemic that died out, bool `[replicate]`.

    A replicate counts as died out when infections stay below `share` of the agents in any of its worlds. A
    policy may cause this, so such replicates belong to the estimand: they are counted and shown apart, never
    dropped silently.
    """
    predictions = tree["predictions"].to_dataset()
    if outcome not in predictions.data_vars:
        return xr.zeros_like(predictions["replicate"], dtype=bool)
    return (per_100k(tree, outcome) < share * 1e5).any("world")


@dataclass(frozen=True)
class Estimate:
    """One estimated quantity over replicates.

    Attributes:
        kind: "interventional" (a world by itself) or "paired" (worlds that share noise).
        name: the world, or the contrast.
        outcome: what is counted.
        group: the group, or None for everybody.
        units: of all numbers below.
        replicates: how many.
        mean: over replicates.
        mean_low: lower end of the 95% interval of the mean.
        mean_high: its upper end.
        interval: the method of that interval: "Student t", or "mixture" where epidemics die out.
        mcse: Monte-Carlo standard error of the mean.
        median: over replicates.
        q025: 2.5 percentile of the replicates.
        q975: 97.5 percentile of the replicates.
        smallest: of the replicates.
        largest: of the replicates.
        died_out: how many of the replicates died out; None where that is not known.
        died_out_low: lower end of the exact 95% interval of the share that dies out.
        died_out_high: its upper end.
    """

    kind: str
    name: str
    outcome: str
    group: str | None
    units: str
    replicates: int
    mean: float
    mean_low: float
    mean_high: float
    interval: str
    mcse: float
    median: float
    q025: float
    q975: float
    smallest: float
    largest: float
    died_out: int | None = None
    died_out_low: float = float("nan")
    died_out_high: float = float("nan")


def summarize(
    values: npt.ArrayLike,
    kind: str,
    name: str,
    outcome: str,
    group: str | None = None,
    units: str = "per 100,000",
    dead: npt.ArrayLike | None = None,
    may_die_out: bool = False,
) -> Estimate:
    """Mean, median and both intervals of one value per replicate, `[replicate]`.

    The interval of the mean is Student's t; with one replicate there is none, and it is NaN. Where some replicates died
    out and others did not, or `may_die_out` says that some might have, it is that of `mixture_interval`.

    Args:
        values: `[replicate]`.
        kind: as of `Estimate`, and so are `name`, `outcome`, `group` and `units`.
        name: the world, or the contrast.
        outcome: what is counted.
        group: the group, or None for everybody.
        units: of the values.
        dead: which replicates died out, bool `[replicate]`; None where that is not known.
        may_die_out: whether epidemics may die out even if none of these did.

    Raises:
        ValueError: `may_die_out` without `dead`.

    >>> estimate = summarize([-3.0, -1.0, -2.0], "paired", "delayed minus standard", "deaths")
    >>> (
    ...     round(estimate.mean, 2),
    ...     round(estimate.mean_low, 2),
    ...     round(estimate.mean_high, 2),
    ...     round(estimate.mcse, 2),
    ... )
    (-2.0, -4.48, 0.48, 0.58)
    """
    x = np.asarray(values, dtype=np.float64)
    error = float(x.std(ddof=1) / np.sqrt(x.size)) if x.size > 1 else float("nan")
    if may_die_out and dead is None:
        raise ValueError(
            f"whether replicates died out is not known of outcome {outcome!r}: give dead=, or a result with infections."
        )
    gone = np.zeros(x.size, dtype=bool) if dead is None else np.asarray(dead, dtype=bool)
    mixed = (gone.any() and not gone.all()) or may_die_out
    mean_low, mean_high = mixture_interval(x, gone) if mixed else student_interval(x)
    share = share_interval(int(gone.sum()), x.size) if dead is not None and x.size else (float("nan"),) * 2
    mean = float(x.mean()) if x.size else float("nan")
    percentiles = [0.0, 0.025, 0.5, 0.975, 1.0]
    smallest, low, median, high, largest = np.quantile(x, percentiles).tolist() if x.size else [float("nan")] * 5
    about = (kind, name, outcome, group, units, x.size)
    of_mean = (mean, mean_low, mean_high, "mixture" if mixed else "Student t", error)
    died = None if dead is None else int(gone.sum())
    return Estimate(*about, *of_mean, median, low, high, smallest, largest, died, *share)


def totals(
    tree: xr.DataTree, outcome: str, keep: npt.ArrayLike | None = None, may_die_out: bool = False
) -> list[Estimate]:
    """The total per 100,000 in each world, as an interventional statement.

    Args:
        tree: a result.
        outcome: what is counted.
        keep: which replicates to use, bool `[replicate]`; all, if not given.
        may_die_out: whether epidemics may die out even if none of these did, which widens the intervals of the means.
    """
    rates, dead = _chosen(per_100k(tree, outcome), keep), _dead(tree, keep)
    values = {str(world): rates.sel(world=world).values for world in rates["world"].values}
    return [
        summarize(x, "interventional", world, outcome, dead=dead, may_die_out=may_die_out)
        for world, x in values.items()
    ]


def effects(
    tree: xr.DataTree,
    outcome: str,
    by_group: bool = False,
    keep: npt.ArrayLike | None = None,
    may_die_out: bool = False,
) -> list[Estimate]:
    """The paired difference of each contrast, per 100,000 (of the group, if `by_group`).

    Args:
        tree: a result.
        outcome: what is counted.
        by_group: one estimate for each group of each contrast.
        keep: which replicates to use, bool `[replicate]`; all, if not given.
        may_die_out: as of `totals`.
    """
    if "causal_effect" not in tree.children:
        return []
    variables = tree["causal_effect"].to_dataset()
    rates = _chosen(variables[f"{outcome}_by_group" if by_group else outcome], keep)
    dead = _dead(tree, keep)
    estimates = []
    for contrast in rates["contrast"].values:
        rows = rates.sel(contrast=contrast)
        for group in rates["group"].values if by_group else [None]:
            values = (rows if group is None else rows.sel(group=group)).values
            label = None if group is None else str(group)
            units = rates.attrs["units"]
            estimates.append(summarize(values, "paired", str(contrast), outcome, label, units, dead, may_die_out))
    return estimates


def _chosen(rates: xr.DataArray, keep: npt.ArrayLike | None) -> xr.DataArray:
    return rates if keep is None else rates.isel(replicate=np.flatnonzero(keep))


def _dead(tree: xr.DataTree, keep: npt.ArrayLike | None) -> npt.NDArray[np.bool_] | None:
    """Which of the chosen replicates died out; None where infections are not among the outcomes."""
    if "infections" not in tree["predictions"].to_dataset().data_vars:
        return None
    flags: npt.NDArray[np.bool_] = _chosen(died_out(tree), keep).values
    return flags


@dataclass(frozen=True)
class SignTurn:
    """Where the mean paired difference crosses zero, with a 95% bootstrap interval over replicates.

    Attributes:
        kind: "paired".
        outcome: what is counted.
        value: the crossing, by linear interpolation; NaN if there is none.
        low: lower end of the percentile bootstrap interval, from the draws that cross.
        high: its upper end.
        crossing_share: the share of bootstrap draws with a crossing; below 1 the interval is too narrow.
        replicates: how many.
    """

    kind: str
    outcome: str
    value: float
    low: float
    high: float
    crossing_share: float
    replicates: int


def sign_turn(
    tree: xr.DataTree, outcome: str, points: Mapping[str, float], draws: int = 2000, seed: int = 0
) -> SignTurn:
    """The value of a policy, such as an efficacy, at which the mean paired difference changes sign.

    Whole replicates are resampled, because the contrasts of a replicate share their noise. Where the
    difference crosses more than once, the crossing at the lowest value counts.

    Args:
        tree: a result.
        outcome: what is counted.
        points: contrast name -> value of the policy in it; at least two.
        draws: bootstrap draws.
        seed: of the bootstrap.

    Raises:
        ValueError: if fewer than two points are given.
    """
    if len(points) < 2:
        raise ValueError(f"a sign turn needs at least two contrasts at different values, not {len(points)}.")
    names = sorted(points, key=lambda name: points[name])
    x = np.array([points[name] for name in names])
    y = tree["causal_effect"].to_dataset()[outcome].sel(contrast=names).transpose("replicate", "contrast").values
    picks = np.random.default_rng(seed).integers(0, len(y), (draws, len(y)))
    crossings = np.array([_crossing(x, y[pick].mean(0)) for pick in picks])
    found = crossings[~np.isnan(crossings)]
    low, high = np.quantile(found, [0.025, 0.975]).tolist() if found.size else [float("nan")] * 2
    share = found.size / draws
    return SignTurn("paired", outcome, _crossing(x, y.mean(0)), low, high, share, len(y))


def _crossing(x: Values, y: Values) -> float:
    """The lowest x at which the line through (x, y), x ascending, changes sign; NaN if it never does."""
    zeros = np.flatnonzero(y == 0)
    turns = np.flatnonzero(y[:-1] * y[1:] < 0)
    candidates = [float(x[i]) for i in zeros]
    candidates += [float(x[i] - y[i] * (x[i + 1] - x[i]) / (y[i + 1] - y[i])) for i in turns]
    return min(candidates, default=float("nan"))
