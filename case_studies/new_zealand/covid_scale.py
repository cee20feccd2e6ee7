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
    """Agents, infections and admissions of one run, seconds of computing and by the clock, and peak memory (GiB)."""
    began, computing = time.perf_counter(), time.process_time()
    here = country(agents)
    totals = _totals(agents, draws, 1, seed, days)[0]
    return {
        "agents": here.people.size,
        "days": days,
        "infections": four_digits(totals[0]),
        "admitted": four_digits(totals[1]),
        "computing": round(time.process_time() - computing, 1),
        "clock": round(time.perf_counter() - began, 1),
        "peak": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "threads": torch.get_num_threads(),
    }


def agreement(
    draws: Mapping[str, Any], replicates: int, seed: int, large: Mapping[str, float], days: int = LONG
) -> dict[str, list[float]]:
    """Outcome -> in half a million agents: mean, standard deviation of a run; that of `large`, and how many apart.

    What is apart counts in standard deviations of the difference of a run of the whole and the mean of the others, as
    if a run of the whole scattered as much.
    """
    totals = _totals(AGENTS, draws, replicates, seed, days)
    found = {}
    for number, outcome in enumerate(("infections", "admitted")):
        values = totals[:, number]
        sd = float(values.std(ddof=1))
        apart = (large[outcome] - values.mean()) / (sd * np.sqrt(1 + 1 / len(values))) if sd else 0.0
        found[outcome] = [four_digits(x) for x in (values.mean(), sd, large[outcome], apart)]
    return found


def _totals(
    agents: int | None, draws: Mapping[str, Any], replicates: int, seed: int, days: int
) -> npt.NDArray[np.float64]:
    names = ("infections", "admitted")
    settings: dict[str, Any] = {"replicates": replicates, "seed": seed, "batch": 1, "outcomes": names}
    found = predict(partial(outbreak, country(agents), days), draws, {"as it was": {}}, **settings)
    return np.stack([found[name].values.sum((-2, -1)).reshape(-1) for name in names], -1)
