"""What is measured in worlds that share their luck: means, differences of the tests, the front."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import xarray as xr

from case_studies.page import four_digits
from case_studies.test_choice.front import on_front, share_on_front
from case_studies.test_choice.question import ADHERENCES, TESTS, world_name
from causal_lpm.inference import effects, summarise

__all__ = ["COUNTED", "differences", "front", "grid_numbers", "means", "not_followed"]

COUNTED = ("infections", "deaths", "needless_days", "quarantine_days")


def _per(outcome: str, agents: int) -> float:
    """What a count is divided by: days are those of a person, people those of 100,000."""
    return float(agents if outcome.endswith("days") else agents / 1e5)


def means(world: xr.Dataset, agents: int) -> dict[str, list[float]]:
    """Outcome -> mean over replicates and its Monte-Carlo standard error, of one world."""
    found = {}
    for name in COUNTED:
        values = world[name].values.reshape(-1) / _per(name, agents)
        found[name] = [four_digits(values.mean()), four_digits(values.std(ddof=1) / len(values) ** 0.5)]
    return found


def grid_numbers(worlds: xr.Dataset, agents: int) -> dict[str, dict[str, list[float]]]:
    """World -> `means`."""
    return {str(name): means(worlds.sel(world=name), agents) for name in worlds["world"].values}


def not_followed(worlds: xr.Dataset, rates: Sequence[float]) -> int:
    """Numbers that differ between a world whose results nobody follows and the one without tests: a law, so none."""
    names = [world_name(test, rate, 0.0) for test, rate in product(TESTS, rates)]
    return sum(int((worlds[name].sel(world=names) != worlds[name].sel(world="nobody tests")).sum()) for name in COUNTED)


def differences(worlds: xr.Dataset, rates: Sequence[float], agents: int) -> dict[str, dict[str, list[float]]]:
    """The fast test against the slow one, at every rate and adherence at which somebody follows the result.

    Returns:
        World -> outcome -> mean of fast minus slow, 95% interval of it, and the share of replicates with less.
    """
    cells = list(product(rates, ADHERENCES[1:]))
    references = {world_name("fast test", *cell): world_name("slow test", *cell) for cell in cells}
    found: dict[str, dict[str, list[float]]] = {name: {} for name in references}
    for outcome in COUNTED:
        dataset = effects(worlds, references, outcome)
        averted = dataset["averted"].values.reshape(len(references), -1)
        rows = [row for row in summarise(dataset) if row.quantity == "averted"]
        for name, row, values in zip(references, rows, averted, strict=True):
            low, high = row.mean_interval
            scaled = [-number / _per(outcome, agents) for number in (row.mean, high, low)]
            found[name][outcome] = [*map(four_digits, scaled), four_digits((values > 0).mean())]
    return found


def front(worlds: xr.Dataset, agents: int) -> dict[str, list[float]]:
    """World on the Pareto front -> deaths, needless days, and in which share of resamples it is on the front.

    Worlds in which nobody follows a result are the world without tests, and left out.
    """
    followed = [name for name in map(str, worlds["world"].values) if not name.endswith("adherence 0%")]
    chosen = worlds.sel(world=followed)
    flat = {name: chosen[name].values.reshape(len(followed), -1) / _per(name, agents) for name in COUNTED}
    costs = np.stack([flat["deaths"], flat["needless_days"]], -1)
    middle, shares = costs.mean(1), share_on_front(costs)
    rows = {
        name: [*map(four_digits, middle[row]), four_digits(shares[row])]
        for row, name in enumerate(followed)
        if on_front(middle)[row]
    }
    return dict(sorted(rows.items(), key=lambda item: item[1][1]))
