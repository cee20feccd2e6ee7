"""What a policy does, compared with a reference: averted, relative, attributable, needed to vaccinate.

One sign everywhere: averted = as it was (the reference) minus what if (the other world). It is negative where the
policy does harm.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import xarray as xr

from causal_lpm import validate
from causal_lpm.inference.policies.counted import AVERAGE, is_stock, units_of
from causal_lpm.inference.policies.dying_out import died_out, knows_who_died_out
from causal_lpm.inference.policies.predictions import series_dims
from causal_lpm.inference.policies.statements import carried, kind_of, kind_of_totals

__all__ = ["CONVENTION", "effects", "per_100k", "totals"]

CONVENTION = "averted = as it was (the reference) minus what if (the other world)"

Given = float | Mapping[str, float] | str


def effects(
    predictions: xr.Dataset,
    reference: str | Mapping[str, str],
    outcome: str | Sequence[str],
    *,
    by: str = "total",
    per: float | None = None,
    persons: Given | None = None,
    doses: Given | None = None,
) -> xr.Dataset:
    """Compares the total of an outcome over all days in each other world with that in its reference world.

    The days of a stock, such as prevalence, do not add up: of one, the total is its mean over all days.

    With A the total in the reference (as it was) and B in the other world (what if), in the same draw and replicate:

    - `averted` A - B, in units of the outcome; negative where the other world has more;
    - `relative` (A - B) / A, the prevented fraction; NaN where A is 0;
    - `attributable_fraction` (B - A) / B, the share of the other world's total that it would not have under the
      reference; NaN where B is 0;
    - `number_needed_to_vaccinate` persons / (A - B), and `doses_per_averted` doses / (A - B), where those are given.
      Where nothing is averted no number is enough, and it is infinite; where nobody is vaccinated it is NaN.

    In `interventional` predictions the two worlds have different luck: the mean is the same, the spread larger.

    Args:
        predictions: Of `predict`, or the group `predictions` of a study: (world, draw, replicate, group, day).
        reference: The world to compare all others with, such as the factual one; or other world -> its reference.
        outcome: What is counted; several get a dimension `outcome`.
        by: `"total"` of all groups, or each `"group"`.
        per: Averted per so many persons, such as 100,000, in predictions that know `group_size`.
        persons: Persons vaccinated in the other world beyond those in the reference: one number, a number a world, or
            the name of an outcome that counts them in both. By group only the last.
        doses: Doses, likewise.

    Returns:
        Dimensions ([outcome,] contrast, draw, replicate[, group]); coordinates `world` and `reference` of each
        contrast and, where it is known, `died_out` of each draw and replicate; attributes `kind`, `coupling`,
        `convention`, `units`, `period` in dates, and `status`, `reason`, `given`, `died_out` and `misses` where the
        predictions have them.

    Raises:
        ValueError: an unknown world, outcome or `by`; one world only; predictions without a kind or without
            `group_size`; a number of persons or doses that is negative, missing for a world, or one for all groups.

    Source: Rothman, Greenland and Lash (2008), Modern Epidemiology, 3rd edition, chapter 4, for the fractions;
    Laupacis, Sackett and Roberts (1988), New England Journal of Medicine 318:1728, for numbers needed.

    >>> counts = xr.DataArray(np.full((2, 1, 1, 1, 5), 4.0), dims=("world", "draw", "replicate", "group", "day"))
    >>> counts[1] = 1.0
    >>> seen = xr.Dataset({"deaths": counts}, {"world": ["factual", "early"]}, {"kind": "paired"})
    >>> found = effects(seen, "factual", "deaths", persons=300)
    >>> [found[name].item() for name in ("averted", "relative", "number_needed_to_vaccinate")]
    [15.0, 0.75, 20.0]
    """
    kind = kind_of(predictions)
    validate.known("way to count", by, ("total", "group"))
    references = _references(predictions, reference)
    if not isinstance(outcome, str):
        ask = partial(effects, predictions, references, by=by, per=per, persons=persons, doses=doses)
        return xr.concat([ask(each) for each in outcome], "outcome", combine_attrs="override")
    whole = _totals(predictions, outcome, by, per)
    before, after = _compared(whole, references)
    averted = before - after
    fewer = averted if per is None else -_used(predictions, "persons", outcome, references, by)
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
            used = _used(predictions, what, given, references, by)
            found[name] = (used / fewer.where(fewer > 0)).where(fewer > 0, np.inf).where(used > 0)
    dataset = xr.Dataset(found).transpose("contrast", "draw", "replicate", ...)
    dataset = dataset.assign_coords(
        contrast=[f"{other} against {name}" for other, name in references.items()],
        world=("contrast", list(references)),
        reference=("contrast", list(references.values())),
        outcome=outcome,
    )
    if knows_who_died_out(predictions):
        dataset = dataset.assign_coords(died_out=died_out(predictions))
    coupling = predictions.attrs.get("coupling", "")
    about = {"kind": kind, "coupling": coupling, **carried(predictions), **_period(predictions, outcome)}
    return dataset.assign_attrs(about, convention=CONVENTION, units=whole.attrs["units"])


def totals(predictions: xr.Dataset, outcome: str, *, by: str = "total", per: float | None = None) -> xr.Dataset:
    """The total of an outcome over all days in each world by itself; of a stock its mean over all days.

    What worlds share does not matter then: it is an interventional statement, or a counterfactual one.

    Args:
        predictions: As of `effects`, and so are `outcome`, `by` and `per`.
        outcome: What is counted.
        by: `"total"` or `"group"`.
        per: Per so many persons.

    Returns:
        `total`, dimensions (world, draw, replicate[, group]), for `summarise`.
    """
    validate.known("way to count", by, ("total", "group"))
    found = _totals(predictions, outcome, by, per)
    about = {"kind": kind_of_totals(predictions), "units": found.attrs["units"]}
    about |= {**carried(predictions), **_period(predictions, outcome)}
    dataset = xr.Dataset({"total": found}, attrs=about)
    if knows_who_died_out(predictions):
        dataset = dataset.assign_coords(died_out=died_out(predictions))
    return dataset.assign_coords(outcome=outcome)


def _period(predictions: xr.Dataset, outcome: str) -> dict[str, str]:
    """The first and the last date that a total is over, where the days of the outcome have dates."""
    _, day = series_dims(predictions[outcome])
    name = f"{day.removesuffix('day')}date"
    if name not in predictions.coords:
        return {}
    first, last = predictions[name].values[[0, -1]].astype("datetime64[D]").astype(str)
    return {"period": f"{first} to {last}"}


def per_100k(predictions: xr.Dataset, outcome: str, by_group: bool = False) -> xr.DataArray:
    """Totals over all days per 100,000 persons, (world, draw, replicate[, group])."""
    return _totals(predictions, outcome, "group" if by_group else "total", 1e5).rename(outcome)


def _references(predictions: xr.Dataset, reference: str | Mapping[str, str]) -> dict[str, str]:
    """Other world -> its reference."""
    worlds = [str(world) for world in predictions["world"].values]
    if isinstance(reference, str):
        validate.known("world", reference, worlds)
        reference = {world: reference for world in worlds if world != reference}
        if not reference:
            raise ValueError(f"the predictions have no world beside {worlds[0]!r}: predict at least two worlds.")
    for name in (*reference, *reference.values()):
        validate.known("world", name, worlds)
    return dict(reference)


def _compared(totals: xr.DataArray, references: Mapping[str, str]) -> tuple[xr.DataArray, xr.DataArray]:
    """Totals of the reference and of the other world of each contrast."""
    before, after = (totals.sel(world=list(names)) for names in (references.values(), references))
    return before.drop_vars("world").rename(world="contrast"), after.drop_vars("world").rename(world="contrast")


def _totals(predictions: xr.Dataset, outcome: str, by: str, per: float | None = None) -> xr.DataArray:
    """Float totals over all days, of a stock the mean of all days, `[world, draw, replicate]`, or `[..., group]`."""
    validate.known("outcome", outcome, map(str, predictions.data_vars))
    series = predictions[outcome].astype(float)
    group, day = series_dims(predictions[outcome])
    stock = is_stock(predictions[outcome])
    counts = series.mean(day) if stock else series.sum(day)
    counts = counts if by == "group" else counts.sum(group)
    units = "" if by == "total" else " of the group"
    if per is None:
        counts.attrs["units"] = (AVERAGE if stock else units_of(predictions[outcome]).removesuffix(" per day")) + units
    else:
        if "group_size" not in predictions.coords or group != "group":
            raise ValueError(f"how many persons there are is not known of {outcome!r}: leave per= out.")
        sizes = predictions["group_size"]
        counts = counts * per / (sizes.where(sizes > 0) if by == "group" else sizes.sum("group"))
        counts.attrs["units"] = f"per {per:,.0f}{units}{f', {AVERAGE}' * stock}"
    return counts.drop_vars("group_size", errors="ignore").transpose("world", "draw", "replicate", ...)


def _used(predictions: xr.Dataset, what: str, given: Given, references: Mapping[str, str], by: str) -> xr.DataArray:
    """Persons or doses, or what an outcome counts, beyond the reference, with `contrast` in front."""
    if isinstance(given, str):
        before, after = _compared(_totals(predictions, given, by), references)
        return after - before
    if by == "group":
        raise ValueError(f"{what} are one number for all groups: by group, name an outcome that counts them by group.")
    numbers = given if isinstance(given, Mapping) else dict.fromkeys(references, given)
    for world in numbers:
        validate.known("world", str(world), references)
    for world in references:
        number = float(numbers.get(world, float("nan")))
        if not number >= 0:
            raise ValueError(f"{what} in world {world!r} are {number:g}: give a number of at least 0 for every world.")
    return xr.DataArray([float(numbers[world]) for world in references], dims="contrast")
