"""Which policy to choose when the parameters are not known, and what it would be worth to know them."""

from collections.abc import Callable, Mapping
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm import validate
from causal_lpm.inference.policies.statements import carried, kind_of

__all__ = ["Loss", "rank_policies"]

Loss = Callable[[xr.Dataset], Any] | Mapping[str, float]
"""Predictions of one world -> loss `[draw, replicate]`; or outcome -> cost of one, summed over groups and days."""

Values = npt.NDArray[np.float64]

_LUCK = "averaged within each draw over {} replicates; what is left of it makes the value of information too large"
_ONE = "one replicate: luck and parameters cannot be told apart, and the value of information includes luck"


def rank_policies(predictions: xr.Dataset, loss: Loss) -> xr.Dataset:
    """Ranks the worlds by expected loss, with how sure the choice is and what better knowledge is worth.

    Luck is averaged within each draw: no calibration removes it, so it is no part of what there is to know. Several
    worlds that are equally good in a draw share that draw.

    Args:
        predictions: Of `predict`. Paired predictions compare policies with much less noise.
        loss: What to make small. A function of the predictions of one world (its name is `world["world"].item()`),
            or the cost of one of each outcome: `{"deaths": 1.0, "closed_days": 0.2}`.

    Returns:
        By `world`: `expected_loss` and its Monte-Carlo standard error over draws `expected_loss_mcse`; `rank` from 1,
        equal losses with equal rank; `probability_best`, the share of draws in which it has the smallest loss;
        `expected_regret`, how much more it loses than the best policy of each draw. `loss` `[world, draw]`. Scalars:
        `best`, the world of the smallest expected loss, the first of several;
        `expected_value_of_perfect_information`, the smallest expected loss less the expected smallest loss; and
        `..._low`, the same with the policy of each draw chosen on half of its replicates and judged on the other half,
        NaN with one replicate and perhaps negative. On average over luck the first is too large and the second too
        small; where they are far apart, more replicates are needed.
        Attributes `kind`, `luck`, and `status` and `reason` where the predictions have them.

    Raises:
        ValueError: predictions without a kind or with one world; a loss of another shape, or with NaN; an outcome that
            there is not.

    Source: Raiffa and Schlaifer (1961), Applied Statistical Decision Theory, chapter 4, for the value of information;
    Mak, Morton and Wood (1999), Operations Research Letters 24:47, for the two bounds.

    >>> deaths = xr.DataArray(np.zeros((2, 3, 1, 1, 1)), dims=("world", "draw", "replicate", "group", "day"))
    >>> deaths[0, :, 0, 0, 0], deaths[1, :, 0, 0, 0] = [1.0, 2.0, 9.0], [3.0, 3.0, 3.0]
    >>> seen = xr.Dataset({"deaths": deaths}, {"world": ["open", "closed"]}, {"kind": "paired"})
    >>> ranked = rank_policies(seen, {"deaths": 1.0})
    >>> ranked["best"].item(), ranked["probability_best"].values.round(2).tolist()
    ('closed', [0.67, 0.33])
    >>> float(ranked["expected_value_of_perfect_information"])
    1.0
    """
    kind = kind_of(predictions)
    worlds = [str(world) for world in predictions["world"].values]
    if len(worlds) < 2:
        raise ValueError(f"there is one world, {worlds[0]!r}: predict at least two to rank them.")
    rows = np.stack([_loss(predictions, loss, world) for world in worlds])  # [world, draw, replicate]
    _, draws, replicates = rows.shape
    by_draw = rows.mean(2)
    expected, smallest = by_draw.mean(1), by_draw.min(0)
    best_here, regret = by_draw == smallest, by_draw - smallest
    mcse = by_draw.std(1, ddof=1) / np.sqrt(draws) if draws > 1 else np.full(len(worlds), np.nan)
    dataset = xr.Dataset(
        {
            "expected_loss": ("world", expected),
            "expected_loss_mcse": ("world", mcse),
            "rank": ("world", np.array([1 + int((expected < one).sum()) for one in expected])),
            "probability_best": ("world", (best_here / best_here.sum(0)).mean(1)),
            "expected_regret": ("world", regret.mean(1)),
            "loss": (("world", "draw"), by_draw),
            "best": ((), worlds[int(expected.argmin())]),
            "expected_value_of_perfect_information": ((), float(regret.mean(1).min())),
            "expected_value_of_perfect_information_low": ((), _judged_apart(rows, expected)),
        },
        {"world": worlds, "draw": predictions["draw"].values if "draw" in predictions.coords else np.arange(draws)},
    )
    luck = _ONE if replicates == 1 else _LUCK.format(replicates)
    return dataset.assign_attrs(kind=kind, luck=luck, **carried(predictions))


def _loss(predictions: xr.Dataset, loss: Loss, world: str) -> Values:
    """The losses of one world, float64 `[draw, replicate]`."""
    one = predictions.sel(world=world)
    found = loss(one) if callable(loss) else _costs(one, loss)
    if isinstance(found, xr.DataArray):
        if set(found.dims) != {"draw", "replicate"}:
            raise ValueError(
                f"the loss of world {world!r} has dimensions {found.dims}: sum over groups and days, so that (draw, "
                "replicate) is left."
            )
        found = found.transpose("draw", "replicate").values
    values = np.asarray(found, dtype=np.float64)
    expected = (one.sizes["draw"], one.sizes["replicate"])
    if values.shape != expected:
        raise ValueError(f"the loss of world {world!r} has shape {values.shape}: give [draw, replicate], {expected}.")
    if not np.isfinite(values).all():
        raise ValueError(f"the loss of world {world!r} is NaN or infinite somewhere: give a finite loss to every run.")
    return values


def _costs(world: xr.Dataset, costs: Mapping[str, float]) -> xr.DataArray:
    if not costs:
        raise ValueError("the loss names no outcome: give the cost of at least one.")
    for outcome in costs:
        validate.known("outcome", outcome, map(str, world.data_vars))
    runs = ("draw", "replicate")
    parts = [
        cost * world[outcome].astype(float).sum([dim for dim in world[outcome].dims if dim not in runs], skipna=False)
        for outcome, cost in costs.items()
    ]
    return reduce(add, parts)


def _judged_apart(rows: Values, expected: Values) -> float:
    """The value of knowing the parameters, with policies chosen on half of the replicates and judged on the others."""
    replicates = rows.shape[2]
    if replicates < 2:
        return float("nan")
    halves = [rows[:, :, 0::2].mean(2), rows[:, :, 1::2].mean(2)]
    judged = [np.take_along_axis(other, half.argmin(0)[None], 0).mean() for half, other in (halves, halves[::-1])]
    return float(expected.min() - np.mean(judged))
