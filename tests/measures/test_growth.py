import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from causal_lpm.measures import doubling_time, growth_rate


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
