"""Sums of int64 that int64 may not hold: exact, or refused."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.agents.networks import FreshRandom, FreshWattsStrogatz, Graph, Groups
from causal_lpm.kernels import use
from causal_lpm.kernels.whole_sums import SMALL, are_small, exact_total, known_small, largest

INT64 = st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from([-(2**63), 2**63 - 1, 2**62, -1, 0, SMALL]))


@given(st.lists(INT64, min_size=0, max_size=6))
def test_totals_are_exact_or_refused(numbers: list[int]) -> None:
    x = torch.tensor(numbers, dtype=torch.int64)
    if -(2**63) <= sum(numbers) < 2**63:
        assert int(exact_total(lambda halves: halves.sum(-1), x, "doses")) == sum(numbers)
    else:
        with pytest.raises(ValueError, match=r"a sum of doses is beyond 2\*\*63.*: count in larger units"):
            exact_total(lambda halves: halves.sum(-1), x, "doses")


def test_only_64_bits_are_looked_at() -> None:
    assert largest(torch.tensor([-(2**63)])) == 2**63
    assert largest(torch.zeros(0)) == 0
    assert are_small(torch.tensor([SMALL - 1]))
    assert not are_small(torch.tensor([-SMALL]))
    assert are_small(torch.full((2,), torch.iinfo(torch.int32).min, dtype=torch.int32))
    with known_small():
        assert are_small(torch.tensor([SMALL]))


KIN = torch.tensor([0, 0, 0, 1])
LAYERS = [
    Groups(KIN),
    Graph.from_edges(torch.tensor([0, 0, 1]), torch.tensor([1, 2, 2]), 4),
    FreshWattsStrogatz(torch.tensor([0, 0, 0, -1]), torch.tensor([2.0]), 0.0, "school"),
]


@pytest.mark.parametrize("implementation", ["reference", "numba"])
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_sums_of_any_network_are_exact_or_refused(layer: Groups, implementation: str) -> None:
    with use(implementation):
        large = torch.tensor([[2**62, 2**62 - 1, -(2**62), 5], [1, 2, 3, 4]])
        assert layer.total(large).tolist() == [[-1, 0, 2**63 - 1, 0], [5, 4, 3, 0]]
        with pytest.raises(ValueError, match="a sum of messages is beyond"):
            layer.total(torch.tensor([2**62, 2**62, 1, 0]))


def test_large_messages_meet_one_graph_of_the_day() -> None:
    """Halves are sums over the same contacts, drawn once."""
    bus = FreshRandom(torch.ones(200, dtype=torch.int64), name="bus")
    x = torch.randint(2**40, 2**50, (200,), generator=torch.Generator().manual_seed(1))
    total = bus.total(x)  # everybody meets one other
    assert torch.equal(total.sort().values, x.sort().values)


@pytest.mark.parametrize("implementation", ["reference", "numba"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_floats_of_every_width_are_summed(dtype: torch.dtype, implementation: str) -> None:
    """float16 ends at 65504, long before the integers in which it is summed."""
    x = torch.tensor([[0.5, 0.25, 0.0, 1.0], [3e4, 3e4, 4e3, 1.0]], dtype=dtype)
    expected = torch.stack([x[:, 1] + x[:, 2], x[:, 0] + x[:, 2], x[:, 0] + x[:, 1], 0 * x[:, 0]], -1)
    with use(implementation):
        for layer in LAYERS:
            total = layer.total(x)
            assert total.dtype == dtype
            assert torch.equal(total, expected)
