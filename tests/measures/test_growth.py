import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from causal_lpm.measures import doubling_interval, doubling_time, growth_interval, growth_rate


@given(st.lists(st.integers(1, 10_000), min_size=3, max_size=12), st.integers(2, 12))
def test_it_is_the_slope_of_a_regression(series: list[int], window: int) -> None:
    found = growth_rate(series, window)
    for t in range(len(series)):
        if t < window - 1:
            assert math.isnan(found[t])
        else:
            logs = [math.log(x) for x in series[t - window + 1 : t + 1]]
            assert math.isclose(found[t], stats.linregress(range(window), logs).slope, abs_tol=1e-9)


def test_halving_is_negative_staying_infinite_and_nobody_unknown() -> None:
    halves, stays, nobody = doubling_time(torch.tensor([[8, 4, 2], [5, 5, 5], [4, 0, 4]]), 3)
    assert math.isclose(halves[2], -1.0)
    assert stays[2].isinf()
    assert bool(nobody.isnan().all())
    assert bool(growth_rate([1, 2, 3], 7).isnan().all())  # fewer days than a window


def test_bad_windows_are_refused() -> None:
    with pytest.raises(ValueError, match="window is 1"):
        growth_rate([1, 2], 1)


def test_the_interval_is_that_of_a_regression() -> None:
    series = [12, 9, 30, 33, 80]
    fit = stats.linregress(range(5), [math.log(x) for x in series])
    reach = stats.t.ppf(0.95, 3) * fit.stderr
    low, high = growth_interval([[1] * 5, series], 5, level=0.9)
    assert low[1, -1].item() == pytest.approx(fit.slope - reach)
    assert high[1, -1].item() == pytest.approx(fit.slope + reach)
    assert bool(low[:, :4].isnan().all())


def test_intervals_hold_the_rate_of_a_simulated_epidemic() -> None:
    """Poisson counts of mean 100 that grow by .1 a day, 4,000 windows: within six standard errors of 95%, with one
    false alarm in 500 million seeds if the level were exact.
    """
    mean = 100 * torch.exp(0.1 * torch.arange(7.0))
    counts = torch.poisson(mean.expand(4_000, 7), generator=torch.Generator().manual_seed(1))
    low, high = (end[:, -1] for end in growth_interval(counts))
    held = float(((low <= 0.1) & (high >= 0.1)).double().mean())
    assert abs(held - 0.95) < 6 * (0.95 * 0.05 / 4_000) ** 0.5
    fast, slow = (end[:, -1] for end in doubling_interval(counts))
    assert float(((fast <= math.log(2) / 0.1) & (math.log(2) / 0.1 <= slow)).double().mean()) == held


def test_doubling_that_may_be_none_has_no_end() -> None:
    up, down = [10, 14, 9, 15], [15, 9, 14, 10]
    low, high = doubling_interval([up, down, [5] * 4, [8, 4, 2, 1], [0] * 4], window=4)
    rates = growth_interval([up, down], window=4)
    assert low[0, -1].item() == pytest.approx(math.log(2) / rates[1][0, -1].item())
    assert high[0, -1].item() == math.inf
    assert low[1, -1].item() == -math.inf
    assert high[1, -1].item() == pytest.approx(math.log(2) / rates[0][1, -1].item())
    assert (low[2, -1].item(), high[2, -1].item()) == (math.inf, math.inf)
    assert (low[3, -1].item(), high[3, -1].item()) == (pytest.approx(-1), pytest.approx(-1))
    assert bool(low[4].isnan().all())
    assert bool(high[4].isnan().all())


@pytest.mark.parametrize("level", [0, 1, math.nan])
def test_bad_levels_are_refused(level: float) -> None:
    with pytest.raises(ValueError, match="the level of an interval is"):
        growth_interval([1, 2, 3], 3, level)
    with pytest.raises(ValueError, match="window is 2"):
        doubling_interval([1, 2, 3], 2)
