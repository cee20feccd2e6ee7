"""Which closure helps whom: worlds in which one setting stays open, beside the world as it was, with the same luck."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from case_studies.london.inputs import FIRST_AGES, SEEN_DAYS, ages_of_london, persons
from case_studies.london.model import first_wave
from case_studies.london.people import London
from case_studies.london.question import AGES, BOROUGHS, CELLS, POLICIES, WORLDS
from case_studies.page import four_digits
from case_studies.worlds import check_worlds
from causal_lpm.inference import Worlds, effects, predict

__all__ = ["OUTCOMES", "asked", "by_age", "by_borough", "foremost"]

OUTCOMES = ("infections", "expected_deaths")
ONE_OPEN = [world for world, policies in WORLDS.items() if len(policies) == 1]
AT_ONCE = 2


def asked(
    here: London, draws: Mapping[str, Any], replicates: int, seed: int, workers: int = 1, worlds: Worlds = WORLDS
) -> xr.Dataset:
    """Infections and deaths to 31 May by cell and week in every world, (world, draw, replicate, group, day).

    Raises:
        ValueError: an unknown policy, or a day outside its range; nothing has run.
    """
    check_worlds(worlds, POLICIES, "a day")
    return predict(
        partial(first_wave, here, SEEN_DAYS),
        draws,
        worlds,
        kind="paired",
        replicates=replicates,
        seed=seed,
        outcomes=OUTCOMES,
        group_labels=CELLS,
        batch=AT_ONCE,
        workers=workers,
    )


def by_age(found: xr.Dataset) -> dict[str, dict[str, dict[str, list[float]]]]:
    """World -> outcome -> age, and "all" -> prevented by the closure per 100,000: mean, 5 and 95 percentile."""
    people = ages_of_london()
    share = np.add.reduceat(people.to_numpy(), np.searchsorted(people.index, FIRST_AGES)) / people.sum()
    sizes = dict(zip(AGES, share * float(persons().sum()), strict=True))
    return _prevented(found, 0, sizes)


def by_borough(found: xr.Dataset) -> dict[str, dict[str, dict[str, list[float]]]]:
    """The same by borough."""
    return _prevented(found, 1, dict(zip(BOROUGHS, persons().tolist(), strict=True)))


def foremost(found: xr.Dataset) -> dict[str, dict[str, float]]:
    """Outcome -> world -> in which share of the draws the closure that it lacks prevented more than the other two."""
    rows = {}
    for outcome in OUTCOMES:
        totals = found[outcome].sel(world=ONE_OPEN).sum(("group", "day")).mean("replicate")
        most = totals.argmax("world").values
        rows[outcome] = {world: four_digits((most == number).mean()) for number, world in enumerate(ONE_OPEN)}
    return rows


def _prevented(
    found: xr.Dataset, kept: int, sizes: Mapping[str, float]
) -> dict[str, dict[str, dict[str, list[float]]]]:
    rows: dict[str, dict[str, dict[str, list[float]]]] = {}
    for outcome in OUTCOMES:
        averted = effects(found, "as it was", outcome, by="group")["averted"]
        for world in list(found["world"].values)[1:]:
            more = -averted.values[averted["world"].values == world][0]  # [draw, replicate, group]
            cells = more.mean(1).reshape(-1, len(AGES), len(BOROUGHS))  # luck averaged: what parameters leave open
            groups = cells.sum(2 - kept)
            each = {**dict(zip(sizes, groups.T, strict=True)), "all": groups.sum(1)}
            scale = {**sizes, "all": sum(sizes.values())}
            rows.setdefault(str(world), {})[outcome] = {
                name: [four_digits(1e5 * x / scale[name]) for x in (values.mean(), *np.quantile(values, [0.05, 0.95]))]
                for name, values in each.items()
            }
    return rows
