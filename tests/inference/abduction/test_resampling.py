"""Rows of equal weight count fully, one row that has all weight counts as one, and resampling follows the weights."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.inference.abduction.resampling import effective_number, systematic


@given(st.integers(1, 50), st.integers(0, 50))
def test_equal_rows_count_fully_and_rows_without_weight_do_not(equal: int, empty: int) -> None:
    weights = torch.cat([torch.full((equal,), 1 / equal, dtype=torch.float64), torch.zeros(empty)])
    assert abs(float(effective_number(weights)) - equal) < 1e-9
    both = effective_number(torch.stack([weights, weights.flip(0)]))
    assert both.shape == (2,)


@given(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=20), st.integers(1, 100), st.integers(0, 10**6))
def test_a_row_is_taken_as_often_as_its_weight_says_up_to_one(sizes: list[float], n: int, seed: int) -> None:
    weights = torch.tensor(sizes, dtype=torch.float64)
    weights = weights / weights.sum()
    taken = systematic(weights, n, torch.Generator().manual_seed(seed))
    counts = torch.bincount(taken, minlength=len(weights))
    assert bool(((counts - n * weights).abs() < 1 + 1e-6).all())
