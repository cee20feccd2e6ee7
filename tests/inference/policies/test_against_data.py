"""Predictions that miss the data say so; those that are like them say nothing."""

import logging

import numpy as np
import pytest
import xarray as xr

from causal_lpm.inference.policies.against_data import compared_with_data
from causal_lpm.inference.policies.effects import effects
from causal_lpm.inference.policies.statements import said_of_predictions

DAYS, RUNS = 40, 200
CURVE = 3 + 20 * np.exp(-0.5 * ((np.arange(DAYS) - 20) / 6) ** 2)


def predictions(dead: int, days: int = DAYS) -> xr.Dataset:
    rng = np.random.default_rng(0)
    curve = np.pad(CURVE, (0, days - DAYS), mode="edge")
    infections = rng.poisson(np.outer(rng.gamma(50, 0.02, RUNS), 2 * curve))
    infections[:dead] = 0
    infections[:dead, 0] = 1
    cases = rng.binomial(infections, 0.5)
    dims = ("world", "draw", "replicate", "group", "day")
    both = {
        name: (dims, np.stack([counts, counts // 2])[:, :, None, None])
        for name, counts in {"infections": infections, "cases": cases}.items()
    }
    return xr.Dataset(both, {"world": ["as it was", "closed"]}, {"kind": "paired", "agents": 2000})


def data(scale: float = 1.0) -> xr.Dataset:
    counts = np.random.default_rng(1).poisson(scale * CURVE).astype(float)
    counts[3] = np.nan
    return xr.Dataset({"cases": (("group", "day"), counts[None])})


WORLDS = {"as it was": {}, "closed": {"closure_day": 3.0}}


def test_what_is_like_the_data_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "causal_lpm"):
        found = compared_with_data(predictions(0), data(), WORLDS)
        longer = compared_with_data(predictions(0, days=DAYS + 20), data(), WORLDS)
    assert "misses" not in found.attrs
    assert "misses" not in longer.attrs
    assert not caplog.records


def test_runs_that_miss_the_data_are_warned_of_and_effects_say_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "causal_lpm"):
        found = compared_with_data(predictions(0), data(3.0), WORLDS)
    assert "The model does not reproduce the" in found.attrs["misses"]
    assert found.attrs["misses"] in caplog.text
    said = said_of_predictions(effects(found, "as it was", "infections"))
    assert said.startswith("MISSES THE DATA: The model does not reproduce")


def test_epidemics_that_die_out_are_not_what_the_data_are_of() -> None:
    found = compared_with_data(predictions(40), data(), WORLDS)
    assert "20% of the epidemics in 'as it was' died out, and that of the data did not" in found.attrs["misses"]
    given = predictions(0).assign_attrs(given="outbreak")
    assert "misses" not in compared_with_data(given, data(), WORLDS).attrs
    few = compared_with_data(predictions(5), data(), WORLDS)
    assert "died out" not in few.attrs.get("misses", "")


def test_worlds_with_acts_are_not_held_to_the_data() -> None:
    acts = {"as it was": {"masks": 1.0}, "closed": {"closure_day": 3.0}}
    assert "misses" not in compared_with_data(predictions(40), data(5.0), acts).attrs
    second = {"closed": {"closure_day": 3.0}, "as it was": {}}
    assert "misses" in compared_with_data(predictions(40), data(5.0), second).attrs
