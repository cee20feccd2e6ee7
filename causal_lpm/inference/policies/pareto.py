"""Which worlds are beaten in nothing, where several things are wanted at once and nobody has weighed them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm import validate
from causal_lpm.inference.policies.effects import totals
from causal_lpm.inference.policies.statements import carried, kind_of

__all__ = ["WANTED", "pareto"]

WANTED = {"min": 1.0, "max": -1.0}
"""What is wanted of an outcome, and the sign with which it is made small."""

_LUCK = "averaged within each draw over {} replicates"


def pareto(predictions: xr.Dataset, wanted: Mapping[str, str]) -> xr.Dataset:
    """The share of draws in which each world is undominated: no other is as good in all outcomes and better in one.

    Luck is averaged within each draw, as in `rank_policies`, which weighs the outcomes instead. Worlds that are equal
    in all outcomes of a draw do not dominate each other: both are undominated, or neither. In each draw at least one
    world is undominated, and often several, so shares add up to 1 or more.

    Args:
        predictions: Of `predict`. Paired predictions compare worlds with much less noise.
        wanted: Outcome -> `"min"` or `"max"`, at least two: `{"culled": "min", "price": "min"}`. What counts is the
            total over all groups and days, of a stock its mean over days.

    Returns:
        By `world`: `undominated`, the share of draws; `on_front`, whether it is undominated in expected values; and
        `dominated_by [world, other]`, the share of draws in which the other one dominates it. `value [outcome, world,
        draw]` and `expected [outcome, world]`, in the units of the outcome; coordinates `wanted` and `units` by
        outcome. Attributes `kind`, `luck`, and `status` and `reason` where the predictions have them.

    Raises:
        ValueError: predictions without a kind, without draws, with one world or two of one name; `wanted` that says of
            no outcome what is wanted; fewer than two outcomes, one that there is not, or one with a NaN or infinite
            total; another word than "min" and "max".

    Source: Pareto (1906), Manuale di economia politica; Deb (2001), Multi-objective optimization using evolutionary
    algorithms, section 2.4, for dominance with ties.

    >>> shape = ("world", "draw", "replicate", "group", "day")
    >>> culled = xr.DataArray(np.array([[5.0, 5.0], [9.0, 9.0], [9.0, 4.0]])[..., None, None, None], dims=shape)
    >>> price = xr.DataArray(np.array([[3.0, 3.0], [2.0, 2.0], [3.0, 2.0]])[..., None, None, None], dims=shape)
    >>> worlds = {"world": ["ring", "restock", "both"]}
    >>> seen = xr.Dataset({"culled": culled, "price": price}, worlds, {"kind": "paired"})
    >>> front = pareto(seen, {"culled": "min", "price": "min"})
    >>> front["undominated"].values.tolist(), front["on_front"].values.tolist()
    ([0.5, 0.5, 0.5], [True, True, True])
    """
    kind = kind_of(predictions)
    worlds = [str(world) for world in predictions["world"].values]
    if len(worlds) < 2:
        raise ValueError(f"there is one world, {worlds[0]!r}: predict at least two to compare them.")
    if not predictions.sizes.get("draw"):
        raise ValueError("the predictions have no draws, whose shares are asked for: predict at least one draw.")
    validate.unique_entries("the world", worlds)
    if not isinstance(wanted, Mapping):
        raise ValueError(
            f"what is wanted is {wanted!r}: say of each outcome whether much or little of it, as "
            '{"culled": "min", "price": "min"}.'
        )
    if len(wanted) < 2:
        raise ValueError(
            f"a front needs two outcomes and has {', '.join(map(repr, wanted)) or 'none'}: give at least two, as "
            '{"culled": "min", "price": "min"}, or rank_policies(predictions, loss).'
        )
    for outcome, word in wanted.items():
        validate.known("outcome", str(outcome), map(str, predictions.data_vars))
        validate.known(f"word for what is wanted of {outcome!r}", str(word), WANTED)
        if not bool(np.isfinite(predictions[outcome].values).all()):  # sums of xarray take NaN for 0
            raise ValueError(f"outcome {outcome!r} is NaN or infinite in some run: give finite numbers to every run.")
    counted = {outcome: totals(predictions, outcome)["total"] for outcome in wanted}
    units = [str(predictions_of.attrs.get("units", "")) for predictions_of in counted.values()]
    values = np.stack([total.mean("replicate").transpose("world", "draw").values for total in counted.values()])
    signs = np.array([WANTED[word] for word in wanted.values()])
    beaten = _dominated(values * signs[:, None, None])
    expected = values.mean(2)
    dataset = xr.Dataset(
        {
            "undominated": ("world", (~beaten.any(1)).mean(1)),
            "on_front": ("world", ~_dominated((expected * signs[:, None])[..., None]).any((1, 2))),
            "dominated_by": (("world", "other"), beaten.mean(2)),
            "expected": (("outcome", "world"), expected),
            "value": (("outcome", "world", "draw"), values),
        },
        {
            "world": worlds,
            "other": worlds,
            "outcome": [str(outcome) for outcome in wanted],
            "wanted": ("outcome", list(wanted.values())),
            "units": ("outcome", units),
            "draw": predictions["draw"].values if "draw" in predictions.coords else np.arange(values.shape[2]),
        },
    )
    luck = _LUCK.format(predictions.sizes["replicate"])
    return dataset.assign_attrs(kind=kind, luck=luck, **carried(predictions))


def _dominated(losses: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which world is dominated by which other in which draw, `[world, other, draw]`, of `[outcome, world, draw]`."""
    mine, other = losses[:, :, None], losses[:, None]
    return np.asarray((other <= mine).all(0) & (other < mine).any(0))
