"""Sums of floats by compiled loops: the bits of the torch reference, whatever the messages."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm import kernels
from tests.kernels.with_threads import threads

AGENTS = 40
GROUP = (torch.arange(AGENTS) % 7 - 1).int()
KEY = torch.tensor([[7], [8], [7]])
STUBS = torch.arange(AGENTS).repeat_interleave(2).int(), torch.arange(AGENTS + 1) * 2
CALLS = {"group_sum": (GROUP, 6), "group_total": (GROUP, 6), "stub_total": (KEY, *STUBS, True)}

numbers = (
    st.sampled_from([0.0, -0.0, 0.5, float("inf"), float("-inf"), float("nan"), 2.0**-1074, 2.0**-149, 2.0**-900])
    | st.floats(-1.0, 1.0)
    | st.floats(allow_nan=False, allow_infinity=False)
)


@given(
    st.lists(numbers, min_size=1, max_size=8),
    st.integers(0, 2**30),
    st.sampled_from([(), (1,), (3,), (2, 3)]),
    st.sampled_from([torch.float32, torch.float64]),
    st.sampled_from(sorted(CALLS)),
)
def test_bits_are_those_of_the_reference(
    values: list[float], seed: int, lead: tuple[int, ...], dtype: torch.dtype, name: str
) -> None:
    draw = torch.randint(len(values), (*lead, AGENTS), generator=torch.Generator().manual_seed(seed))
    x = torch.tensor(values, dtype=torch.float64).to(dtype)[draw]
    with kernels.use("reference"):
        expected = getattr(kernels, name)(x, *CALLS[name])
    with kernels.use("numba"):
        found = getattr(kernels, name)(x, *CALLS[name])
    assert found.dtype == dtype
    whole = torch.int32 if dtype == torch.float32 else torch.int64
    assert torch.equal(found.isnan(), expected.isnan())
    assert torch.equal(found.nan_to_num(0.0).view(whole), expected.nan_to_num(0.0).view(whole))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_views_and_threads_change_nothing(dtype: torch.dtype) -> None:
    x = torch.randn(400_000, 2, generator=torch.Generator().manual_seed(1), dtype=dtype).T  # agents not side by side
    group = (torch.arange(400_000) % 1_000).int()
    with threads(1):
        alone = kernels.group_sum(x, group, 1_000)
    with threads(2):
        assert torch.equal(kernels.group_sum(x.contiguous(), group, 1_000), alone)
