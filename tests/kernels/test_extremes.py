"""The ends of labels, by a compiled loop or by torch."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm import kernels
from causal_lpm.kernels.extremes import extremes

TYPES = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


@given(st.data(), st.sampled_from(TYPES), st.integers(1, 3))
def test_they_are_those_of_python(data: st.DataObject, kind: torch.dtype, step: int) -> None:
    within = st.integers(torch.iinfo(kind).min, torch.iinfo(kind).max)
    numbers = torch.tensor(data.draw(st.lists(within, min_size=1, max_size=40)), dtype=kind)[::step]
    expected = min(numbers.tolist()), max(numbers.tolist())
    assert extremes(numbers) == expected
    with kernels.use("reference"):
        assert extremes(numbers) == expected
