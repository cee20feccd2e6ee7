"""Scores of forecasts against closed forms and hand calculation, and their propriety."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from causal_lpm.inference import crps, interval_score, last_value_baseline, weighted_interval_score
from causal_lpm.inference.diagnostics.forecast_scores import HUB_LEVELS

RNG = np.random.default_rng
seeds = st.integers(0, 2**32 - 1)


def crps_of_normal(mean: float, sd: float, y: float) -> float:
    """Gneiting, Raftery, Westveld and Goldman 2005, equation 5."""
    z = (y - mean) / sd
    return float(sd * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / math.sqrt(math.pi)))


@given(seeds, st.integers(2, 12))
def test_the_crps_is_that_of_all_pairs(seed: int, count: int) -> None:
    rng = RNG(seed)
    x, y = rng.normal(size=(count, 3, 2)).round(1), rng.normal(size=(3, 2))  # rounded, so that there are ties
    pairs = sum(np.abs(a - b) for a in x for b in x) / (count * (count - 1))
    assert np.allclose(crps(x, y), np.abs(x - y).mean(0) - pairs / 2)


@pytest.mark.parametrize("y", [-1.0, 0.3, 4.0])
def test_the_crps_of_few_samples_is_right_on_average(y: float) -> None:
    """Of 2, 3 and 20 samples: 9 comparisons at 4.2 standard errors, a false alarm in 9 x 2.7e-5 of seeds."""
    for count in (2, 3, 20):
        scores = crps(1 + 2 * RNG(count).normal(size=(count, 60_000)), np.full(60_000, y))
        error = scores.std() / math.sqrt(scores.size)
        assert abs(scores.mean() - crps_of_normal(1.0, 2.0, y)) < 4.2 * error


def test_the_weighted_score_of_one_interval_is_that_by_hand() -> None:
    levels = (0.05, 0.5, 0.95)
    # |22 - 14| / 2 + (0.1 / 2) (10 + 2 / 0.1 x 2) = 6.5, over 1.5
    assert weighted_interval_score([10.0, 14.0, 20.0], 22.0, levels) == pytest.approx(6.5 / 1.5)
    assert weighted_interval_score([10.0, 14.0, 20.0], 14.0, levels) == pytest.approx(0.05 * 10 / 1.5)
    assert interval_score(10.0, 20.0, 7.0, level=0.9) == pytest.approx(10 + 20 * 3)
    assert weighted_interval_score([3.0], 5.0, (0.5,)) == pytest.approx(2.0)  # the median alone: the absolute error


@given(seeds)
def test_the_weighted_score_is_twice_the_mean_pinball_loss(seed: int) -> None:
    rng = RNG(seed)
    q, y = np.sort(rng.normal(size=(len(HUB_LEVELS), 4)), axis=0), rng.normal(size=4)
    tau = np.array(HUB_LEVELS)[:, None]
    pinball = np.where(y >= q, tau * (y - q), (1 - tau) * (q - y))
    assert np.allclose(weighted_interval_score(q, y), 2 * pinball.mean(0))


def test_with_many_levels_the_weighted_score_is_the_crps() -> None:
    levels = tuple(k / 1000 for k in range(1, 1000))
    for y in (-2.0, 0.5, 3.0):
        found = weighted_interval_score(norm.ppf(levels), y, levels)
        assert found == pytest.approx(crps_of_normal(0.0, 1.0, y), abs=0.01)


@pytest.mark.parametrize("other", [(0.5, 1.0), (0.0, 0.6), (0.0, 1.6)])
def test_the_truth_scores_best(other: tuple[float, float]) -> None:
    """The expected CRPS by its closed form, and the expected weighted score, over a grid of what may come."""
    y = norm.ppf((np.arange(4000) + 0.5) / 4000)
    for score in (
        lambda m, s: np.mean([crps_of_normal(m, s, one) for one in y]),
        lambda m, s: weighted_interval_score(np.repeat(norm.ppf(HUB_LEVELS, m, s)[:, None], y.size, 1), y).mean(),
    ):
        assert score(0.0, 1.0) < score(*other)


def test_what_was_not_observed_has_no_score() -> None:
    assert np.isnan(crps(np.zeros((3, 2)), [1.0, np.nan])).tolist() == [False, True]
    assert np.isnan(weighted_interval_score(np.zeros((3, 2)), [1.0, np.nan], (0.1, 0.5, 0.9))).tolist() == [False, True]
    assert np.isnan(interval_score([0.0, 0.0], [1.0, 1.0], [5.0, np.nan], 0.5)).tolist() == [False, True]


def test_the_baseline_walks_from_the_last_value_with_past_steps() -> None:
    history = np.array([[5.0, 9.0, np.nan, 20.0, 22.0, np.nan], [100.0, 100.0, 100.0, 100.0, 100.0, 100.0]])
    drawn = last_value_baseline(history, horizon=3, samples=4000, seed=2, low=-np.inf)
    assert drawn.shape == (4000, 2, 3)
    assert set(np.unique(drawn[:, 0, 0])) == {22 + step for step in (-4.0, -2.0, 2.0, 4.0)}
    assert bool((drawn[:, 1] == 100).all())
    # Steps of variance (16 + 4) / 2: a chi-square bound of 5 standard deviations, sqrt(2 / 4000) each at most.
    for day, variance in enumerate(drawn[:, 0].var(0), start=1):
        assert variance == pytest.approx(10 * day, rel=5 * math.sqrt(2 / 4000))
    assert last_value_baseline(np.array([3.0, 0.0, 3.0]), 5).min() == 0.0
    assert all(a <= b for a, b in pairwise(np.ptp(drawn[:, 0], axis=0)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: crps([1.0], 1.0), "at least 2 samples"),
        (lambda: crps([1.0, np.nan], 1.0), "NaN or infinity"),
        (lambda: crps(np.zeros((5, 2)), np.zeros(3)), "shape"),
        (lambda: interval_score(2.0, 1.0, 1.0, 0.5), "swap"),
        (lambda: interval_score(0.0, 1.0, 1.0, 90), "between 0 and 1"),
        (lambda: weighted_interval_score([0.0, 1.0], 1.0, (0.1, 0.9)), "around 0.5"),
        (lambda: weighted_interval_score([0.0, 1.0, 2.0], 1.0, (0.1, 0.5, 0.8)), "around 0.5"),
        (lambda: weighted_interval_score([2.0, 1.0, 0.0], 1.0, (0.1, 0.5, 0.9)), "sort"),
        (lambda: weighted_interval_score([0.0, 1.0, 2.0], 1.0), "23 levels"),
        (lambda: last_value_baseline([1.0], 3), "no two days"),
        (lambda: last_value_baseline([[1.0, 2.0], [1.0, np.nan]], 3), r"series \(1,\)"),
        (lambda: last_value_baseline([1.0, 2.0], 0), "horizon is 0"),
    ],
)
def test_what_cannot_be_scored_is_refused(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
