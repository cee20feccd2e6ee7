"""Floats as whole multiples of a unit: the compiled loops against torch, bit for bit."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.kernels import elementwise, multiples, use
from causal_lpm.kernels.multiples import in_units, of_units

UNIT = 1 << 20
FLOATS = st.floats(-(2.0**42), 2.0**42, width=32)


@pytest.fixture(autouse=True)
def _small_counts_as_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiples, "LARGE", 1)
    assert elementwise.LARGE > 1


@given(
    numbers=st.lists(st.one_of(FLOATS, st.sampled_from([-0.0, 0.5 / UNIT, 1.5 / UNIT, 2.5 / UNIT, 1e-45])), min_size=1)
)
def test_floats_in_units(numbers: list[float]) -> None:
    x = torch.tensor(numbers)
    with use("reference"):
        expected = in_units(x, UNIT)
    assert torch.equal(in_units(x, UNIT), expected)
    assert torch.equal(in_units(x.repeat(2, 1, 1)[..., ::2], UNIT), expected.repeat(2, 1, 1)[..., ::2])


@given(numbers=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_floats_of_units(numbers: list[int]) -> None:
    units = torch.tensor(numbers)
    with use("reference"):
        expected = of_units(units, UNIT)
    assert torch.equal(of_units(units, UNIT), expected)


def test_gradients_go_through_torch() -> None:
    assert in_units(torch.ones(3, requires_grad=True), UNIT).tolist() == [UNIT] * 3
