"""What the allocations do: admissions in paired worlds, who has them, and which allocation to choose."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from case_studies.new_zealand.allocations import planned
from case_studies.new_zealand.covid_calendar import DAYS, SEEN
from case_studies.new_zealand.covid_model import outbreak
from case_studies.new_zealand.covid_question import POLICIES, RULES, WORLDS
from case_studies.new_zealand.covid_reports import reported_cases
from case_studies.new_zealand.districts import AUCKLAND, ETHNICITIES
from case_studies.new_zealand.inputs import persons
from case_studies.new_zealand.people import Country
from case_studies.page import four_digits
from case_studies.worlds import check_worlds
from causal_lpm.inference import Worlds, predict, rank_policies

__all__ = ["ALIKE", "alike", "asked", "by_ethnicity", "dosed", "ranked"]

ALIKE = 2.0
"""How many times as many cases as reported, or as few, an outbreak may have that counts as one like it."""


def asked(
    country: Country, draws: Mapping[str, Any], replicates: int, seed: int, worlds: Worlds = WORLDS, days: int = DAYS
) -> xr.Dataset:
    """Persons a day by ethnicity in every world, (world, draw, replicate, group, day): `infections` and `admitted`.

    Raises:
        ValueError: an unknown policy, or one outside its range; nothing has run.
    """
    check_worlds(worlds, POLICIES)
    settings: dict[str, Any] = {"replicates": replicates, "seed": seed, "batch": 4, "group_labels": ETHNICITIES}
    names = ("infections", "admitted")
    return predict(partial(outbreak, country, days), draws, worlds, outcomes=names, kind="paired", **settings)


def alike(predicted: xr.Dataset, replicates: int) -> npt.NDArray[np.bool_]:
    """Which runs had about as many cases in Auckland as were reported to 30 November, `[draws, replicates]`.

    Args:
        predicted: Runs of the same draws and seed as those of `asked`, as `covid_forecast.ahead` gives them; a run
            depends on its draw and replicate alone, and so is that of the world "as it was".
        replicates: Of each draw, in `asked`.
    """
    auckland = list(AUCKLAND)
    cases = predicted["cases"].values[0][:, :replicates, auckland, :SEEN].sum((-2, -1))
    times: npt.NDArray[np.float64] = cases / reported_cases(SEEN)[auckland].sum()
    return (times <= ALIKE) & (times >= 1 / ALIKE)


def by_ethnicity(
    worlds: xr.Dataset, chosen: npt.NDArray[np.bool_] | None = None
) -> dict[str, dict[str, list[list[float]]]]:
    """World -> outcome -> for all and for each ethnicity, seven numbers.

    They are mean and median; and of how much more there are than as it was, the mean, its standard error over draws and
    replicates, the median, and the 5 and 95 percentile.

    Args:
        worlds: As `asked` gives them.
        chosen: The runs that count, `[draws, replicates]`; all, if not given.
    """
    found: dict[str, dict[str, list[list[float]]]] = {str(world): {} for world in worlds["world"].values}
    for outcome in ("infections", "admitted"):
        total = worlds[outcome].sum("day").transpose("world", "draw", "replicate", "group").values
        total = np.concatenate([total.sum(-1, keepdims=True), total], -1)
        total = total.reshape(len(total), -1, total.shape[-1])
        total = total if chosen is None else total[:, chosen.ravel()]
        more = total - total[:1]
        for number, world in enumerate(found):
            error = more[number].std(0, ddof=1) / np.sqrt(more.shape[1])
            low, middle, high = np.quantile(more[number], [0.05, 0.5, 0.95], axis=0)
            usual = total[number].mean(0), np.median(total[number], axis=0)
            columns = (*usual, more[number].mean(0), error, middle, low, high)
            found[world][outcome] = [[four_digits(x) for x in row] for row in zip(*columns, strict=True)]
    return found


def ranked(worlds: xr.Dataset) -> dict[str, list[float]]:
    """World -> rank, expected admissions, expected regret (admissions), probability of being best."""
    ranking = rank_policies(worlds, {"admitted": 1.0})
    columns = ("rank", "expected_loss", "expected_regret", "probability_best")
    return {
        str(world): [four_digits(ranking[column].sel(world=world).item()) for column in columns]
        for world in ranking["world"].values
    }


def dosed(country: Country, until: int = 0) -> dict[str, list[float]]:
    """Rule -> % of each ethnicity, from 10 years on, with a first dose before a day; of all people last."""
    plan = planned(country)
    steps = [step for step, day in enumerate(plan.day) if day < until]
    weight = country.weight.repeat_interleave(len(ETHNICITIES)).double()
    given = (plan.stock[:, steps].sum(1) * weight).unflatten(-1, (-1, len(ETHNICITIES))).sum(-2).numpy()
    people = persons()[:, 2:].sum((0, 1))
    shares = np.concatenate([given / people, given.sum(1, keepdims=True) / people.sum()], 1)
    return {rule: [four_digits(100 * x) for x in row] for rule, row in zip(RULES, shares, strict=True)}
