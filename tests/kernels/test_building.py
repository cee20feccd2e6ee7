"""Graphs from edges: the same rows as by sorting, whatever builds them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm import kernels
from causal_lpm.kernels.building import compressed_rows

EDGES = st.integers(1, 50).flatmap(
    lambda agents: st.tuples(
        st.just(agents), st.lists(st.tuples(st.integers(0, agents - 1), st.integers(0, agents - 1)), max_size=200)
    )
)


def rows(pairs: list[tuple[int, int]], agents: int, block: int) -> tuple[list[int], list[int]]:
    ends = torch.tensor(pairs, dtype=torch.int32).reshape(-1, 2)
    blocks = [(part[:, 0].contiguous(), part[:, 1].contiguous()) for part in ends.split(block)]
    indptr, neighbours = compressed_rows(lambda: blocks, agents)
    assert (indptr.dtype, neighbours.dtype) == (torch.int64, torch.int32)
    return indptr.tolist(), neighbours.tolist()


@pytest.mark.parametrize("implementation", ["reference", "auto"])
@given(graph=EDGES, block=st.integers(1, 200))
def test_rows_hold_every_edge_at_both_ends_in_order(
    implementation: str, graph: tuple[int, list[tuple[int, int]]], block: int
) -> None:
    agents, pairs = graph
    both = sorted([(a, b) for a, b in pairs if a != b] + [(b, a) for a, b in pairs if a != b])
    degree = np.bincount([a for a, _ in both], minlength=agents)
    with kernels.use(implementation):
        indptr, neighbours = rows(pairs, agents, block)
    assert indptr == [0, *degree.cumsum()]
    assert neighbours == [b for _, b in both]


@pytest.mark.parametrize("implementation", ["reference", "auto"])
def test_a_star_and_many_edges_between_the_same_two(implementation: str) -> None:
    leaves = torch.randperm(5000, generator=torch.Generator().manual_seed(1)).tolist()
    with kernels.use(implementation):
        indptr, neighbours = rows([(5000, leaf) for leaf in leaves], 5001, 700)
        assert indptr == [*range(5001), 10_000]
        assert neighbours == [5000] * 5000 + sorted(leaves)
        assert rows([(0, 1)] * 1000, 2, 99) == ([0, 1000, 2000], [1] * 1000 + [0] * 1000)
