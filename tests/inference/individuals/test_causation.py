"""Probabilities of necessity and sufficiency: exact where they can be enumerated, and their bounds are reached."""

import itertools
import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm import KeyedNoise, comparing
from causal_lpm.inference.individuals.causation import causation
from tests.inference.abduction.tiny import AGENTS, DAYS, UNKNOWN, WORLDS, epidemic, exact

bits = st.lists(st.booleans(), min_size=5, max_size=5).map(lambda x: torch.tensor(x)[:, None])


@given(fact=bits, other=bits)
def test_bounds_are_the_extremes_over_all_couplings(fact: torch.Tensor, other: torch.Tensor) -> None:
    """Every way of joining five equally likely paths of one world with five of the other."""
    found = causation(fact, other)
    joined = [causation(fact, other[list(order)]) for order in itertools.permutations(range(5))]
    for name in ("both", "necessity", "sufficiency"):
        values = torch.stack([getattr(each, name)[0] for each in joined])
        low, high = getattr(found, f"{name}_bounds")[:, 0].tolist()
        if values.isnan().all():
            assert math.isnan(low)
            continue
        assert float(values.min()) == pytest.approx(low, abs=1e-12)
        assert float(values.max()) == pytest.approx(high, abs=1e-12)


@given(fact=bits, other=bits, counts=st.lists(st.integers(0, 4), min_size=5, max_size=5).filter(any))
def test_a_weight_is_a_path_given_so_often(fact: torch.Tensor, other: torch.Tensor, counts: list[int]) -> None:
    times = torch.tensor(counts)
    weighed = causation(fact, other, times)
    repeated = causation(fact.repeat_interleave(times, 0), other.repeat_interleave(times, 0))
    for name in ("factual", "necessity", "sufficiency", "both", "necessity_bounds"):
        assert torch.allclose(getattr(weighed, name), getattr(repeated, name), equal_nan=True)
    assert weighed.paths <= sum(counts) + 1e-9


def test_of_a_tiny_epidemic_they_are_exact() -> None:
    """Within four standard errors: seven agents, one fails in 0.05% of all seeds; the seed is fixed."""
    rows = 40_000
    _, in_fact, elsewhere, fact_only = exact(lambda day, agent: UNKNOWN)
    seeds = torch.arange(rows)[:, None]
    with KeyedNoise(seeds), comparing(WORLDS, draws=rows) as worlds:
        run = epidemic()
        fact, other = (
            worlds.take(run.tallies["infections"], w, event_dim=1).reshape(rows, AGENTS, DAYS).sum(-1) > 0
            for w in WORLDS
        )
    found = causation(fact, other)
    for agent in range(1, AGENTS):
        expected = fact_only[agent] / in_fact[agent]
        error = math.sqrt(expected * (1 - expected) / (rows * in_fact[agent]))
        assert abs(float(found.necessity[agent]) - expected) < 4 * error
        low, high = found.necessity_bounds[:, agent].tolist()
        # Measures only lower hazards, so nobody is infected because of them: the lower bound is reached.
        assert float(found.necessity[agent]) == pytest.approx(low)
        assert high == pytest.approx(min(1.0, (1 - elsewhere[agent]) / in_fact[agent]), abs=0.03)


def test_what_never_happened_has_no_cause() -> None:
    found = causation(torch.zeros(3, 1), torch.ones(3, 1))
    assert bool(found.necessity.isnan())
    assert bool(found.sufficiency.isnan())
    assert float(found.both) == 0


@pytest.mark.parametrize(
    ("fact", "other", "weights", "message"),
    [
        (torch.zeros(3, 2), torch.zeros(2, 2), None, r"shape \(3, 2\) in fact and \(2, 2\) in the other"),
        (torch.zeros(3), torch.zeros(3), None, r"the factual event has shape \(3,\): give \[paths, agents\]"),
        (torch.zeros(0, 2), torch.zeros(0, 2), None, r"has shape \(0, 2\)"),
        (torch.full((2, 2), 2), torch.zeros(2, 2), None, "the factual event has other numbers than 0 and 1"),
        (torch.zeros(2, 2), torch.full((2, 2), math.nan), None, "the counterfactual event has other numbers"),
        (torch.zeros(2, 2), torch.zeros(2, 2), [1.0], "the weights of 2 paths are 1 from 1"),
        (torch.zeros(2, 2), torch.zeros(2, 2), [1.0, -1.0], "the weights of 2 paths are 2 from -1"),
        (torch.zeros(2, 2), torch.zeros(2, 2), [0.0, 0.0], "the weights of 2 paths are 2 from 0"),
    ],
)
def test_bad_paths_are_refused(fact: Any, other: Any, weights: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        causation(fact, other, weights)
