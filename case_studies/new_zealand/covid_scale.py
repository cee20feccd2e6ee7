"""The whole country as agents, and whether half a million of them agree with it."""

import resource
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from case_studies.new_zealand.covid_model import outbreak
from case_studies.new_zealand.people import country
from case_studies.page import four_digits
from causal_lpm.inference import predict

__all__ = ["AGENTS", "agreement", "whole"]

AGENTS = 500_000
LONG = 180
"""Days of the run that is timed."""


def whole(draws: Mapping[str, Any], seed: int, days: int = LONG, agents: int | None = None) -> dict[str, float]:
    """Agents, days, seconds of computing and by the clock, threads, and peak memory (GiB) of one run."""
    began, computing = time.perf_counter(), time.process_time()
    here = country(agents)
    _totals(agents, draws, 1, seed, days)
    return {
        "agents": here.people.size,
        "days": days,
        "computing": round(time.process_time() - computing, 1),
        "clock": round(time.perf_counter() - began, 1),
        "peak": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "threads": torch.get_num_threads(),
    }


def agreement(
    draws: Mapping[str, Any],
    replicates: tuple[int, int],
    seed: int,
    days: int = LONG,
    agents: tuple[int | None, int] = (None, AGENTS),
) -> dict[str, list[float]]:
    """Outcome -> mean and standard deviation of a run in the whole country, and in half a million; how far apart.

    What is apart are the means, in standard errors of their difference.

    Args:
        draws: One draw of the parameters.
        replicates: Runs of the whole country, and of half a million agents; two or more of each.
        seed: Of their luck.
        days: Of a run.
        agents: Of the country, all people by default, and of the smaller one.

    Raises:
        ValueError: fewer than two runs, of which no standard deviation is known.
    """
    if min(replicates) < 2:
        raise ValueError(f"there are {min(replicates)} runs: give two or more, so that their scatter is known.")
    many, few = (_totals(size, draws, runs, seed, days) for size, runs in zip(agents, replicates, strict=True))
    found = {}
    for number, outcome in enumerate(("infections", "admitted")):
        own = [(x.mean(), x.std(ddof=1), len(x)) for x in (many[:, number], few[:, number])]
        error = np.sqrt(sum(sd**2 / runs for _, sd, runs in own))
        apart = (own[0][0] - own[1][0]) / error if error else 0.0
        found[outcome] = [four_digits(x) for x in (*own[0][:2], *own[1][:2], apart)]
    return found


def _totals(
    agents: int | None, draws: Mapping[str, Any], replicates: int, seed: int, days: int
) -> npt.NDArray[np.float64]:
    names = ("infections", "admitted")
    settings: dict[str, Any] = {"replicates": replicates, "seed": seed, "batch": 1, "outcomes": names}
    found = predict(partial(outbreak, country(agents), days), draws, {"as it was": {}}, **settings)
    return np.stack([found[name].values.sum((-2, -1)).reshape(-1) for name in names], -1)
