"""What a policy does, compared with a reference: averted, relative, attributable, needed to vaccinate.

Parameters and luck are two uncertainties. Better data narrow the first; nothing narrows the second, because one
epidemic is one draw of it. A summary gives both by name, and intervals of the two together.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm import validate

__all__ = ["EffectSummary", "effects", "summarise"]

Given = float | Mapping[str, float] | str
Values = npt.NDArray[np.float64]


def effects(
    predictions: xr.Dataset,
    reference: str,
    outcome: str,
    *,
    by: str = "total",
    persons: Given | None = None,
    doses: Given | None = None,
) -> xr.Dataset:
    """Compares the total of an outcome over all days in each other world with that in the reference world.

    With A the total in the reference and B in the other world, each in the same draw and replicate:

    - `averted` A - B, in units of the outcome; negative where the other world has more;
    - `relative` (A - B) / A, the prevented fraction; NaN where A is 0;
    - `attributable_fraction` (B - A) / B, the share of the other world's total that it would not have under the
      reference; NaN where B is 0;
    - `number_needed_to_vaccinate` persons / (A - B), and `doses_per_averted` doses / (A - B), where those are given.
      Where nothing is averted no number is enough, and it is infinite; where nobody is vaccinated it is NaN.

    In `interventional` predictions the two worlds have different luck: the mean is the same, the spread larger.

    Args:
        predictions: Of `predict`: dimensions (world, draw, replicate, group, day).
        reference: The world to compare with, such as the factual one.
        outcome: What is counted.
        by: `"total"` of all groups, or each `"group"`.
        persons: Persons vaccinated in the other world beyond those in the reference: one number, a number a world, or
            the name of an outcome that counts them in both. By group only the last.
        doses: Doses, likewise.

    Returns:
        Dimensions (contrast, draw, replicate[, group]); coordinates `world` and `reference` of each contrast;
        attributes `kind`, `coupling`, `outcome`.

    Raises:
        ValueError: an unknown world, outcome or `by`; one world only; predictions without a kind; a number of persons
            or doses that is negative, is missing for a world, or is one for all groups.

    Source: Rothman, Greenland and Lash (2008), Modern Epidemiology, 3rd edition, chapter 4, for the fractions;
    Laupacis, Sackett and Roberts (1988), New England Journal of Medicine 318:1728, for numbers needed.

    >>> counts = xr.DataArray(np.full((2, 1, 1, 1, 5), 4.0), dims=("world", "draw", "replicate", "group", "day"))
    >>> counts[1] = 1.0
    >>> seen = xr.Dataset({"deaths": counts}, {"world": ["factual", "early"]}, {"kind": "paired"})
    >>> found = effects(seen, "factual", "deaths", persons=300)
    >>> [found[name].item() for name in ("averted", "relative", "number_needed_to_vaccinate")]
    [15.0, 0.75, 20.0]
    """
    kind = _kind(predictions)
    validate.known("way to count", by, ("total", "group"))
    worlds = [str(world) for world in predictions["world"].values]
    validate.known("world", reference, worlds)
    others = [world for world in worlds if world != reference]
    if not others:
        raise ValueError(f"the predictions have no world beside {reference!r}: predict at least two worlds.")
    totals = _totals(predictions, outcome, by)
    before = totals.sel(world=reference, drop=True)
    after = totals.sel(world=others).rename(world="contrast")
    averted = before - after
    found = {
        "averted": averted,
        "relative": averted / before.where(before != 0),
        "attributable_fraction": -averted / after.where(after != 0),
    }
    for name, what, given in (
        ("number_needed_to_vaccinate", "persons", persons),
        ("doses_per_averted", "doses", doses),
    ):
        if given is not None:
            used = _used(predictions, what, given, reference, others, by)
            found[name] = (used / averted.where(averted > 0)).where(averted > 0, np.inf).where(used > 0)
    dataset = xr.Dataset(found).transpose("contrast", "draw", "replicate", ...)
    dataset = dataset.assign_coords(
        contrast=[f"{world} against {reference}" for world in others],
        world=("contrast", others),
        reference=("contrast", [reference] * len(others)),
    )
    return dataset.assign_attrs(kind=kind, coupling=predictions.attrs.get("coupling", ""), outcome=outcome)


def _kind(dataset: xr.Dataset) -> str:
    if "kind" not in dataset.attrs:
        raise ValueError("these predictions do not say their kind in attrs['kind']: take them from predict.")
    return str(dataset.attrs["kind"])


def _totals(predictions: xr.Dataset, outcome: str, by: str) -> xr.DataArray:
    """Float totals over all days, `[world, draw, replicate]`, or `[..., group]`."""
    validate.known("outcome", outcome, map(str, predictions.data_vars))
    series = predictions[outcome].astype(float)
    group, day = (
        next(str(dim) for dim in series.dims if dim in (kind, f"{outcome}_{kind}")) for kind in ("group", "day")
    )
    totals = series.sum(day) if by == "group" else series.sum((group, day))
    return totals.transpose("world", "draw", "replicate", ...)


def _used(predictions: xr.Dataset, what: str, given: Given, reference: str, others: list[str], by: str) -> xr.DataArray:
    """Persons or doses beyond the reference, with `contrast` in front."""
    if isinstance(given, str):
        totals = _totals(predictions, given, by)
        return totals.sel(world=others).rename(world="contrast") - totals.sel(world=reference, drop=True)
    if by == "group":
        raise ValueError(f"{what} are one number for all groups: by group, name an outcome that counts them by group.")
    numbers = {str(k): float(v) for k, v in given.items()} if isinstance(given, Mapping) else None
    for world in numbers or ():
        validate.known("world", world, others)
    for world in others:
        number = float(given) if not isinstance(given, Mapping) else (numbers or {}).get(world, float("nan"))
        if not number >= 0:
            raise ValueError(f"{what} in world {world!r} are {number:g}: give a number of at least 0 for every world.")
    values = [float(given) if numbers is None else numbers[world] for world in others]  # type: ignore[arg-type]
    return xr.DataArray(values, {"contrast": others}, "contrast")


@dataclass(frozen=True)
class EffectSummary:
    """One quantity of one contrast, over all draws and replicates.

    Attributes:
        kind: "paired" or "interventional".
        contrast: which worlds.
        quantity: "averted", "relative", "attributable_fraction", ...
        outcome: what is counted.
        group: the group, or None for everybody.
        draws: of the parameters.
        replicates: of the luck, of each draw.
        undefined: share of draws and replicates in which the quantity is NaN; they are left out below.
        mean: over all draws and replicates.
        median: likewise; the smallest value that at least half of them do not exceed.
        interval_50: 25 and 75 percentiles of ALL uncertainty, parameters and luck.
        interval_90: 5 and 95 percentiles.
        interval_95: 2.5 and 97.5 percentiles.
        sd_parameter: standard deviation of what the quantity is on average over luck, between draws.
        sd_luck: standard deviation between replicates of one draw, root mean square over draws.
    """

    kind: str
    contrast: str
    quantity: str
    outcome: str
    group: str | None
    draws: int
    replicates: int
    undefined: float
    mean: float
    median: float
    interval_50: tuple[float, float]
    interval_90: tuple[float, float]
    interval_95: tuple[float, float]
    sd_parameter: float
    sd_luck: float


def summarise(effects: xr.Dataset) -> list[EffectSummary]:
    """One row for each contrast, quantity and group, with the kind of statement on each.

    The variance of all values has two parts. Luck: the mean over draws of the variance over replicates. Parameters: the
    variance over draws of the means over replicates, less what luck adds to it (luck / replicates), and 0 if that is
    negative. One replicate cannot tell them apart, one draw knows no parameters; what is not known is NaN, and so are
    both parts of a quantity that is infinite somewhere.

    Args:
        effects: Of `effects`.

    Raises:
        ValueError: a data set without a kind.

    Source: Searle, Casella and McCulloch (1992), Variance Components, chapter 3 (ANOVA estimators).

    >>> values = xr.DataArray([[[1.0, 3.0], [5.0, 7.0]]], dims=("contrast", "draw", "replicate"))
    >>> one = xr.Dataset({"averted": values}, {"contrast": ["a against b"]}, {"kind": "paired", "outcome": "deaths"})
    >>> row = summarise(one)[0]
    >>> row.kind, row.mean, round(row.sd_luck**2, 6), round(row.sd_parameter**2, 6)
    ('paired', 4.0, 2.0, 7.0)
    """
    kind = _kind(effects)
    rows = []
    for contrast in effects["contrast"].values:
        for quantity, array in effects.data_vars.items():
            values = array.sel(contrast=contrast).transpose("draw", "replicate", ...)
            if values.ndim == 2:
                groups: list[tuple[str | None, Values]] = [(None, values.values)]
            else:
                group = values.dims[2]
                groups = [(str(label), values.sel({group: label}).values) for label in values[group].values]
            rows += [
                _summary(kind, str(contrast), str(quantity), str(effects.attrs.get("outcome", "")), label, one)
                for label, one in groups
            ]
    return rows


def _summary(kind: str, contrast: str, quantity: str, outcome: str, group: str | None, values: Values) -> EffectSummary:
    draws, replicates = values.shape
    defined = values[~np.isnan(values)]
    points = [0.5, 0.25, 0.75, 0.05, 0.95, 0.025, 0.975]
    nothing = [float("nan")] * len(points)
    # Values that occurred: between a number and infinity there is nothing to interpolate.
    q = np.quantile(defined, points, method="inverted_cdf").tolist() if defined.size else nothing
    mean = float(defined.mean()) if defined.size else float("nan")
    parameter, luck = _parts(values)
    undefined = 1.0 - defined.size / values.size
    labels = (kind, contrast, quantity, outcome, group, draws, replicates, undefined, mean)
    return EffectSummary(*labels, q[0], (q[1], q[2]), (q[3], q[4]), (q[5], q[6]), parameter, luck)


def _parts(values: Values) -> tuple[float, float]:
    """Standard deviations of parameters and of luck, from `[draw, replicate]` with NaN where undefined."""
    nan = float("nan")
    if np.isinf(values).any():
        return nan, nan
    known = [row[~np.isnan(row)] for row in values]
    known = [row for row in known if row.size]
    within = [float(row.var(ddof=1)) for row in known if row.size > 1]
    if not within:
        return nan, nan
    luck = float(np.mean(within))
    if len(known) < 2:
        return nan, luck**0.5
    means = np.array([row.mean() for row in known])
    share = float(np.mean([1.0 / row.size for row in known]))
    return max(0.0, float(means.var(ddof=1)) - luck * share) ** 0.5, luck**0.5
