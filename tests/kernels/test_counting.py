"""Counts are numpy's, however many there are and whatever fills a byte."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.kernels.counting import counts_by_group, counts_of_rows
from causal_lpm.kernels.cpu_elementwise import count


@given(st.integers(0, 5000), st.sampled_from([0.0, 0.01, 0.5, 1.0]), st.integers(0, 2**32 - 1))
def test_bytes_that_are_not_0_are_counted(many: int, share: float, seed: int) -> None:
    g = np.random.default_rng(seed)
    mask = (g.random(many) < share) * g.integers(1, 256, many).astype(np.uint8)
    assert count(mask) == np.count_nonzero(mask)


def test_rows_of_any_length_and_layout() -> None:
    rows = np.random.default_rng(1).random((3, 40_001)) < 0.3
    for x in (rows, rows[:, ::2], rows[:, :100], rows[:0], rows[:, :0]):
        assert counts_of_rows(x) == np.count_nonzero(x, axis=-1).tolist()


@given(st.integers(0, 3), st.integers(0, 2000), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_each_group_of_a_row_is_counted_by_itself(rows: int, agents: int, groups: int, seed: int) -> None:
    g = np.random.default_rng(seed)
    x, group = g.random((rows, agents)) < 0.3, g.integers(-1, groups, agents, dtype=np.int32)
    expected = [[int(row[group == k].sum()) for k in range(groups)] for row in x]
    counts = counts_by_group(x, group, groups)
    assert counts.dtype == np.int64
    assert counts.tolist() == expected
