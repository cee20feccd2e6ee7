"""Populations of one agent, tables of one cell, and numbers at the end of their range, in synthesis and observation."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.agents.networks import (
    FreshRandom,
    FreshWattsStrogatz,
    Graph,
    Groups,
    Layer,
    random_graph,
    watts_strogatz,
)
from causal_lpm.agents.observation import negative_binomial, reporting_delay
from causal_lpm.agents.synthesis import households, synthesise, workplaces, zipf_sizes

ONE = torch.ones(1, dtype=torch.bool)


def test_one_agent_and_one_class() -> None:
    people = synthesise(1, {"region": {"here": 1.0}}, given={"work": ("region", {"here": {"none": 1.0}})})
    assert (people["region"].tolist(), people["work"].tolist()) == ([0], [0])
    assert households(1, [1.0]).tolist() == [0]
    assert households(1, [0.0, 0.0, 1.0], adult=ONE).tolist() == [0]
    assert workplaces(ONE, {(1, 1): 1.0}, within=[torch.zeros(1).int()]).tolist() == [0]
    assert workplaces(~ONE, {(5, 9): 1.0}, within=[torch.tensor([-1])]).tolist() == [-1]
    assert zipf_sizes(1) == {(1, 1): 1.0}


@pytest.mark.parametrize(
    "layer",
    [
        Groups(torch.zeros(1).int()),
        Graph.from_edges([], [], 1),
        random_graph(1, degrees=[0], seed=1),
        watts_strogatz(1, 0.0, 0.5, seed=1),
        FreshWattsStrogatz(torch.zeros(1).int(), torch.zeros(1), 0.5, "ring"),
        FreshRandom(torch.tensor([3])),
        Groups(torch.zeros(1).int()) + Graph.from_edges([], [], 1),
    ],
)
def test_one_agent_meets_nobody(layer: Layer) -> None:
    assert layer.total(torch.tensor([7])).tolist() == [0]
    assert layer.total(torch.tensor([[True], [False]])).tolist() == [[0], [0]]
    assert layer.degree().tolist() == [0.0]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.integers(0, 2**61), st.integers(1, 2**60))
def test_workplaces_within_serial_numbers(sectors: list[int], first: int, step: int) -> None:
    """Large numbers of sectors and regions give the workplaces of small ones, and never one across two of them."""
    small, employed = torch.tensor(sectors), torch.ones(len(sectors), dtype=torch.bool)
    large, region = first + small * step, torch.arange(len(sectors)) % 7
    plain = workplaces(employed, {(2, 3): 1.0}, seed=1, within=[region, small])
    assert torch.equal(workplaces(employed, {(2, 3): 1.0}, seed=1, within=[region, large]), plain)
    for place in plain.unique():
        assert len({(int(r), s) for r, s, p in zip(region, sectors, plain, strict=True) if p == place}) == 1


@pytest.mark.parametrize("sizes", [{(1, math.inf): 1.0}, {(1.5, 2): 1.0}, {(math.nan, 2): 1.0}])
def test_sizes_that_are_no_counts_are_refused(sizes: dict[tuple[int, int], float]) -> None:
    with pytest.raises(ValueError, match="is wrong: give whole numbers"):
        workplaces(ONE, sizes)


@pytest.mark.parametrize("share", [math.inf, math.nan, -1.0])
def test_shares_that_are_none_are_refused(share: float) -> None:
    for draw in (
        lambda: synthesise(3, {"a": {"b": share}}),
        lambda: synthesise(3, {"a": {"b": 1.0}}, given={"c": ("a", {"b": {"d": share}})}),
        lambda: households(3, [share]),
        lambda: workplaces(ONE, {(1, 1): share}),
        lambda: reporting_delay(torch.ones(1, 2), [share]),
    ):
        with pytest.raises(ValueError, match="share"):
            draw()


def test_a_law_of_sizes_without_slope_is_refused() -> None:
    with pytest.raises(ValueError, match="too near 0"):
        zipf_sizes(10, exponent=1e-300)


# Observation


@given(
    st.lists(st.integers(0, 100), min_size=1, max_size=8),
    st.lists(st.integers(1, 5), min_size=1, max_size=4),
    st.sampled_from([torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float32, torch.float64]),
)
def test_delays_are_numpy_s_convolution(cases: list[int], weights: list[int], dtype: torch.dtype) -> None:
    shares = np.array(weights) / sum(weights)
    reported = reporting_delay(torch.tensor([cases], dtype=dtype), tuple(shares))
    plain = np.convolve(np.array(cases, dtype=np.float64), shares)[: len(cases)]
    np.testing.assert_allclose(reported[0].numpy(), plain, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dispersion", [math.inf, 1e12, torch.tensor([1.0, math.nan])])
def test_dispersions_that_leave_no_density_are_refused(dispersion: float | torch.Tensor) -> None:
    with pytest.raises(ValueError, match="give a positive number up to 1e\\+10"):
        negative_binomial(torch.ones(2), dispersion)


@pytest.mark.parametrize("mean", [math.inf, 1e30])
def test_growth_without_end_is_improbable_and_cannot_be_drawn(mean: float) -> None:
    counts = negative_binomial(torch.tensor([mean])).expand((2, 1)).to_event(1)
    assert bool((counts.log_prob(torch.tensor([5.0])) < -600).all())
    with pytest.raises(ValueError, match="too large to be drawn from"):
        counts.sample()
