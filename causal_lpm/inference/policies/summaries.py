"""Numbers that answer a question, each with what kind of statement it makes and its uncertainty.

Two intervals that are easily mixed up are both given and always named: the 95% interval of the MEAN (how well this many
draws and replicates determine it; shrinks with more of them) and percentiles of the draws and REPLICATES (how much one
epidemic differs from the next; does not shrink). The outer percentiles of few replicates are guesses: below 40, tables
and charts show the smallest and the largest instead.

Parameters and luck are two uncertainties. Better data narrow the first; nothing narrows the second, because one
epidemic is one draw of it. A summary gives both by name, and percentiles of the two together.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm.inference.policies.dying_out import mixture_interval, share_interval, student_interval
from causal_lpm.inference.policies.statements import carried, kind_of

__all__ = ["ENOUGH_FOR_PERCENTILES", "Summary", "summarise"]

ENOUGH_FOR_PERCENTILES = 40  # one replicate in 40 is the 2.5% that lie outside at either end
POINTS = (0.5, 0.25, 0.75, 0.05, 0.95, 0.025, 0.975, 0.0, 1.0)
NOT_KNOWN = float("nan")

Method = Literal["linear", "inverted_cdf"]
Values = npt.NDArray[np.float64]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Summary:
    """One quantity of one contrast, or of one world, over all draws and replicates.

    Attributes:
        kind: "paired" (worlds that share noise), "interventional" (worlds by themselves) or "counterfactual" (given the
            observed epidemic).
        name: The contrast, or the world.
        quantity: "averted" (as it was minus what if), "relative", ..., or "total" of a world.
        outcome: What is counted.
        group: The group, or None for everybody.
        units: Of averted and total; other quantities have none.
        draws: Of the parameters.
        replicates: Of the luck, of each draw.
        undefined: Share of draws and replicates in which the quantity is NaN; they are left out below.
        mean: Over all draws and replicates.
        mcse: Monte-Carlo standard error of the mean, over draws; of one draw, over its replicates.
        mean_interval: 95% interval of the mean.
        mean_method: How it was made: "Student t", or "mixture" where epidemics die out.
        median: Over all draws and replicates.
        interval_50: 25 and 75 percentiles of ALL uncertainty, parameters and luck.
        interval_90: 5 and 95 percentiles.
        interval_95: 2.5 and 97.5 percentiles.
        smallest: Of all.
        largest: Of all.
        sd_parameter: Standard deviation of what the quantity is on average over luck, between draws.
        sd_luck: Standard deviation between replicates of one draw, root mean square over draws.
        died_out: How many epidemics died out; None where that is not known.
        died_out_interval: Exact 95% interval of the share that dies out.
        status: Of the calibration or abduction behind it, such as "abducted" or "interventional only"; empty where that
            is not known.
    """

    kind: str
    name: str
    quantity: str
    outcome: str
    group: str | None
    units: str
    draws: int
    replicates: int
    undefined: float
    mean: float
    mcse: float
    mean_interval: Interval
    mean_method: str
    median: float
    interval_50: Interval
    interval_90: Interval
    interval_95: Interval
    smallest: float
    largest: float
    sd_parameter: float
    sd_luck: float
    died_out: int | None
    died_out_interval: Interval
    status: str


def summarise(dataset: xr.Dataset, *, may_die_out: bool = False, method: Method | None = None) -> list[Summary]:
    """One row for each outcome, contrast (or world), quantity and group, with the kind of statement on each.

    The variance of all values has two parts. Luck: the mean over draws of the variance over replicates. Parameters: the
    variance over draws of the means over replicates, less what luck adds to it (luck / replicates), and 0 if that is
    negative. One replicate cannot tell them apart, one draw knows no parameters; what is not known is NaN, and so are
    both parts of a quantity that is infinite somewhere.

    The interval of the mean is Student's t. Where some epidemics died out and others did not, or `may_die_out` says
    that some might have, it is that of `mixture_interval`; of several draws with several replicates each, Student's.

    Args:
        dataset: Of `effects` or `totals`.
        may_die_out: Whether epidemics may die out even if none of these did.
        method: Of `numpy.quantile`, for the percentiles; by default "linear", and where there are infinite values, of
            which no mean can be taken, "inverted_cdf".

    Raises:
        ValueError: a data set without a kind; `may_die_out` where it is not known which died out.

    Source: Searle, Casella and McCulloch (1992), Variance Components, chapter 3 (ANOVA estimators).

    >>> values = xr.DataArray([[[1.0, 3.0], [5.0, 7.0]]], dims=("contrast", "draw", "replicate"))
    >>> one = xr.Dataset({"averted": values}, {"contrast": ["a against b"]}, {"kind": "paired"})
    >>> row = summarise(one)[0]
    >>> row.kind, row.mean, round(row.sd_luck**2, 6), round(row.sd_parameter**2, 6)
    ('paired', 4.0, 2.0, 7.0)
    """
    kind = kind_of(dataset)
    dim = "contrast" if "contrast" in dataset.dims else "world"
    dead = dataset["died_out"].transpose("draw", "replicate").values if "died_out" in dataset.coords else None
    status = str(carried(dataset).get("status", ""))
    rows = []
    for outcome in dataset["outcome"].values.reshape(-1) if "outcome" in dataset.coords else [""]:
        of_outcome = dataset.sel(outcome=outcome) if "outcome" in dataset.dims else dataset
        if may_die_out and dead is None:
            raise ValueError(
                f"whether epidemics died out is not known of outcome {str(outcome)!r}: "
                "predictions say it that have infections and know how many persons there are."
            )
        for name in dataset[dim].values:
            for quantity, array in of_outcome.data_vars.items():
                values = array.sel({dim: name}).transpose("draw", "replicate", ...)
                units = str(dataset.attrs.get("units", "")) if quantity in ("averted", "total") else ""
                labels = {
                    "kind": kind,
                    "status": status,
                    "name": str(name),
                    "quantity": str(quantity),
                    "outcome": str(outcome),
                }
                for group, one in _by_group(values):
                    rows.append(_summary({**labels, "group": group, "units": units}, one, dead, may_die_out, method))
    return rows


def _by_group(values: xr.DataArray) -> list[tuple[str | None, Values]]:
    if values.ndim == 2:
        return [(None, values.values)]
    dim = values.dims[2]
    return [(str(label), values.sel({dim: label}).values) for label in values[dim].values]


def _summary(about: dict[str, Any], values: Values, dead: Any, may_die_out: bool, method: Method | None) -> Summary:
    """Of `[draw, replicate]`."""
    known = ~np.isnan(values)
    defined = values[known]
    finite = bool(np.isfinite(defined).all())
    q = [NOT_KNOWN] * len(POINTS)
    if defined.size:
        q = np.quantile(defined, POINTS, method=method or ("linear" if finite else "inverted_cdf")).tolist()
    # Epidemics of one draw differ by luck alone; draws are what is independent where there are several.
    flat = 1 in values.shape
    units = defined if flat else np.array([row[~np.isnan(row)].mean() for row in values if not np.isnan(row).all()])
    gone = None if dead is None else dead[known]
    mixed = flat and gone is not None and ((gone.any() and not gone.all()) or may_die_out)
    mcse, interval = NOT_KNOWN, (NOT_KNOWN, NOT_KNOWN)
    if finite:
        mcse = float(units.std(ddof=1) / np.sqrt(units.size)) if units.size > 1 else NOT_KNOWN
        interval = mixture_interval(defined, gone) if mixed and gone is not None else student_interval(units)
    parameter, luck = _parts(values)
    return Summary(
        **about,
        draws=values.shape[0],
        replicates=values.shape[1],
        undefined=1.0 - defined.size / values.size,
        mean=float(defined.mean()) if defined.size else NOT_KNOWN,
        mcse=mcse,
        mean_interval=interval,
        mean_method="mixture" if mixed else "Student t",
        median=q[0],
        interval_50=(q[1], q[2]),
        interval_90=(q[3], q[4]),
        interval_95=(q[5], q[6]),
        smallest=q[7],
        largest=q[8],
        sd_parameter=parameter,
        sd_luck=luck,
        died_out=None if dead is None else int(dead.sum()),
        died_out_interval=(NOT_KNOWN, NOT_KNOWN) if dead is None else share_interval(int(dead.sum()), dead.size),
    )


def _parts(values: Values) -> Interval:
    """Standard deviations of parameters and of luck, from `[draw, replicate]` with NaN where undefined."""
    if np.isinf(values).any():
        return NOT_KNOWN, NOT_KNOWN
    known = [row[~np.isnan(row)] for row in values]
    known = [row for row in known if row.size]
    within = [float(row.var(ddof=1)) for row in known if row.size > 1]
    if not within:
        return NOT_KNOWN, NOT_KNOWN
    luck = float(np.mean(within))
    if len(known) < 2:
        return NOT_KNOWN, luck**0.5
    means = np.array([row.mean() for row in known])
    share = float(np.mean([1.0 / row.size for row in known]))
    return max(0.0, float(means.var(ddof=1)) - luck * share) ** 0.5, luck**0.5
