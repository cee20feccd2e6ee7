"""What stands behind a mean: cases and not traces, and no certainty where all are alike."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.inference import Estimate
from causal_lpm.inference.abduction.explanation import estimate


@given(st.lists(st.booleans(), min_size=2, max_size=40), st.integers(2, 5))
def test_repeated_traces_of_a_case_change_neither_mean_nor_error(values: list[bool], times: int) -> None:
    cases = np.arange(len(values))
    once, again = (estimate(np.repeat(values, k), np.repeat(cases, k), enough=10) for k in (1, times))
    assert (again.mean, again.standard_error) == pytest.approx((once.mean, once.standard_error))
    assert (again.traces, again.cases, again.status) == (times * once.traces, once.cases, once.status)
    assert once.supported is (len(values) >= 10)


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=40))
def test_of_single_traces_the_error_is_the_usual_one(values: list[float]) -> None:
    if np.ptp(values) > 0.0:
        usual = np.std(values, ddof=1) / np.sqrt(len(values))
        assert estimate(values, np.arange(len(values)), 1).standard_error == pytest.approx(usual)


def test_all_alike_is_not_certain_and_nothing_is_not_a_number() -> None:
    alike = estimate(np.ones(96), np.arange(96), enough=50)
    assert alike.mean == 1.0
    assert alike.standard_error == pytest.approx(np.sqrt(0.02 * 0.98 / 100))
    none = estimate([], [], enough=50)
    assert np.isnan([none.mean, none.standard_error]).all()
    assert none.status == "too few: no case, 50 are asked for"
    one = estimate([1.0, 0.0], [7, 7], enough=1)
    assert np.isnan(one.standard_error)
    assert one == Estimate(0.5, one.standard_error, 2, 1, "supported")
