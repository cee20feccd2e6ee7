import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import stats

from causal_lpm.agents import Duration
from causal_lpm.measures import Reproduction, cohort_reproduction, instantaneous_reproduction

INTERVAL = (0.0, 0.25, 0.5, 0.25)


def test_it_is_the_gamma_distribution_of_the_definition() -> None:
    """Equations of Cori et al. 2013, written out for one window."""
    cases = [3.0, 5.0, 4.0, 9.0, 12.0, 7.0, 15.0]
    found = instantaneous_reproduction([cases, cases[::-1]], INTERVAL, window=3, prior_mean=2.0, prior_sd=4.0)
    for row, series in enumerate((cases, cases[::-1])):
        for t in range(7):
            if t < 3:
                assert math.isnan(found.mean[row, t])
                continue
            days = range(t - 2, t + 1)
            pressure = sum(INTERVAL[lag] * series[s - lag] for s in days for lag in range(1, min(s, 3) + 1))
            shape, rate = 0.25 + sum(series[s] for s in days), 2.0 / 16 + pressure
            law = stats.gamma(shape, scale=1 / rate)
            assert math.isclose(found.mean[row, t], law.mean())
            assert math.isclose(found.sd[row, t], law.std())
            assert math.isclose(found.quantile(0.975)[row, t], law.ppf(0.975), rel_tol=1e-9)


def test_intervals_hold_the_number_that_was_simulated() -> None:
    """Renewal epidemics with a prior of their own: 95% intervals hold R in 95 of 100; 6 standard errors, fixed seed."""
    rng, runs = np.random.default_rng(1), 600
    r = rng.gamma(4.0, 0.4, runs)
    cases = np.zeros((runs, 21))
    cases[:, 0] = 20
    for t in range(1, 21):
        pressure = sum(INTERVAL[lag] * cases[:, t - lag] for lag in range(1, min(t, 3) + 1))
        cases[:, t] = rng.poisson(r * pressure)
    found = instantaneous_reproduction(cases, INTERVAL, window=20, prior_mean=1.6, prior_sd=0.8)
    low, high = (found.quantile(level)[:, -1].numpy() for level in (0.025, 0.975))
    held = float(np.mean((low <= r) & (r <= high)))
    assert abs(held - 0.95) < 6 * (0.95 * 0.05 / runs) ** 0.5


def test_nobody_infectious_gives_no_number() -> None:
    found = instantaneous_reproduction(torch.zeros(10, dtype=torch.int64), Duration(INTERVAL), window=2)
    assert bool(found.mean.isnan().all())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"generation": (0.5, 0.5)}, "a generation interval of 0 days has the probability 0.5"),
        ({"generation": (0.0, 0.5)}, "sum to 0.5"),
        ({"incidence": [1, -1]}, "as the incidence, negative or infinite numbers were given: give counts"),
        ({"incidence": []}, r"as the incidence, the shape \(0,\) was given: give one number a day"),
        ({"window": 0}, "window is 0"),
        ({"prior_sd": 0.0}, "the prior has mean 5.0 and sd 0.0: both must be positive"),
    ],
)
def test_bad_input_is_refused(arguments: dict[str, object], sentence: str) -> None:
    given: dict[str, object] = {"incidence": [1, 2, 3], "generation": INTERVAL}
    with pytest.raises(ValueError, match=sentence):
        instantaneous_reproduction(**{**given, **arguments})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the level of a quantile is 2"):
        Reproduction(torch.ones(1), torch.ones(1)).quantile(2)


def test_the_cohort_number_is_that_of_the_tree() -> None:
    number = torch.tensor([[1.5, 0.0]])
    assert torch.equal(cohort_reproduction(SimpleNamespace(case_reproduction=lambda: number)), number)


def test_an_unknown_day_leaves_windows_without_it_known() -> None:
    cases = torch.tensor([4.0, 5, 6, math.nan, 7, 8, 9, 10, 11, 12, 13])
    found = instantaneous_reproduction(cases, INTERVAL, window=2).mean
    assert found.isnan().tolist() == [True] * 2 + [False] + [True] * 5 + [False] * 3
