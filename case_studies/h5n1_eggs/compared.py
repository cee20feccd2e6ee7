"""What policies do: totals and differences in worlds that share their luck, and which one to choose."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import xarray as xr

from case_studies.h5n1_eggs.model import OUTCOMES, epizootic
from case_studies.h5n1_eggs.premises import country
from case_studies.h5n1_eggs.question import POLICIES, WEIGHTS, WORLDS
from case_studies.page import four_digits
from case_studies.worlds import check_worlds
from causal_lpm.inference import Worlds, effects, pareto, predict, rank_policies, summarise, totals

__all__ = ["asked", "contrasts", "front", "halved", "ranked", "told"]

AT_ONCE = 16
SHOWN = ("flocks", "culled", "price", "cost", "empty_shelves", "exposed_workers")
WANTED = {"culled": "min", "price": "min", "spent": "min"}
STOCKS = dict.fromkeys(("price", "empty_shelves"), "stock")


def asked(
    draws: Mapping[str, Any], replicates: int, seed: int, kind: str = "paired", worlds: Worlds = WORLDS
) -> xr.Dataset:
    """Series of 2022-23 by week in every world, (world, draw, replicate, group, day).

    Raises:
        ValueError: a policy outside its range, such as an elasticity of 0; nothing has run.
    """
    check_worlds(worlds, POLICIES)
    program = partial(epizootic, country())
    settings: dict[str, Any] = {"kind": kind, "replicates": replicates, "seed": seed, "batch": AT_ONCE}
    return predict(program, draws, worlds, outcomes=OUTCOMES, counts=STOCKS, **settings)


def told(predictions: xr.Dataset) -> dict[str, dict[str, list[float]]]:
    """World -> outcome -> mean of draws and luck, 5 and 95 percentile; of price and empty shelves the mean week."""
    found: dict[str, dict[str, list[float]]] = {world: {} for world in WORLDS}
    for outcome in SHOWN:
        for row in summarise(totals(predictions, outcome)):
            found[row.name][outcome] = [four_digits(x) for x in (row.mean, *row.interval_90)]
    return found


def contrasts(predictions: xr.Dataset) -> dict[str, dict[str, list[float]]]:
    """World -> outcome -> more than as it was: mean, its standard error, 5 and 95 percentile of draws and luck."""
    found: dict[str, dict[str, list[float]]] = {}
    for row in summarise(effects(predictions, "as it was", SHOWN)):
        if row.quantity == "averted":
            world = row.name.removesuffix(" against as it was")
            low, high = row.interval_90
            found.setdefault(world, {})[row.outcome] = [four_digits(x) for x in (-row.mean, row.mcse, -high, -low)]
    return found


def halved(draws: Mapping[str, Any], replicates: int, seed: int) -> dict[str, dict[str, list[float]]]:
    """World -> outcome -> standard error of the mean difference with shared luck, and with luck of each world's own.

    The parameters are those of one draw, so that all that varies is luck.
    """
    one = {name: values[:1] for name, values in draws.items()}
    kinds = [contrasts(asked(one, replicates, seed, kind)) for kind in ("paired", "interventional")]
    return {
        world: {outcome: [each[world][outcome][1] for each in kinds] for outcome in ("flocks", "culled", "price")}
        for world in kinds[0]
    }


def ranked(predictions: xr.Dataset) -> dict[str, dict[str, list[float]]]:
    """Weights -> world -> rank, expected loss, expected regret, probability of being best."""
    found = {}
    for name, weights in WEIGHTS.items():
        ranking = rank_policies(predictions, weights)
        columns = ("rank", "expected_loss", "expected_regret", "probability_best")
        found[name] = {
            str(world): [four_digits(ranking[column].sel(world=world).item()) for column in columns]
            for world in ranking["world"].values
        }
    return found


def front(predictions: xr.Dataset) -> dict[str, float]:
    """World -> the share of draws in which no other has as few birds culled, as low a price and costs as little."""
    found = pareto(predictions, WANTED)
    return {world: four_digits(found["undominated"].sel(world=world).item()) for world in WORLDS}
