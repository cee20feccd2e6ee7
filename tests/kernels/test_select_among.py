"""Ranges that select together serve those whom one process would, ties included."""

import threading
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from causal_lpm.kernels import hashing, select, select_by
from causal_lpm.kernels.dispatch import compiled
from causal_lpm.kernels.select_among import select_among, select_among_by_key


def in_two_ranges(answer: Callable[[int, int, Callable[[Tensor], Tensor]], Tensor], cut: int, agents: int) -> Tensor:
    """What two threads find together; each is called with its first agent, its last, and what adds up counts."""
    meeting, counts, served = threading.Barrier(2), [torch.zeros(())] * 2, [torch.zeros(())] * 2

    def run(rank: int, first: int, end: int) -> None:
        def together(own: Tensor) -> Tensor:
            counts[rank] = own
            meeting.wait(10)
            total = counts[0] + counts[1]
            meeting.wait(10)
            return total

        served[rank] = answer(first, end, together)

    threads = [threading.Thread(target=run, args=each) for each in ((0, 0, cut), (1, cut, agents))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return torch.cat(served, -1)


@settings(max_examples=60)
@given(st.integers(4, 40), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2**30))
def test_ranges_serve_those_whom_one_process_serves(agents: int, cut: int, rows: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    priority = torch.randint(0, 6, (rows, agents), generator=generator)
    noise = torch.randint(1, 4, (agents,), generator=generator) / 3  # many ties
    supply = torch.randint(0, agents + 2, (rows, 1), generator=generator)

    def answer(first: int, end: int, together: Callable[[Tensor], Tensor]) -> Tensor:
        own = noise[first:end]
        return select_among(priority[:, first:end], lambda: own, own.shape[:-1], supply, 5, first, together)

    assert torch.equal(in_two_ranges(answer, cut, agents), select_by(priority, noise, supply, 5))


@pytest.mark.skipif(not compiled(), reason="compiled loops alone")
@settings(max_examples=60, deadline=None)
@given(st.integers(4, 3_000), st.integers(1, 3), st.integers(1, 3), st.booleans(), st.integers(0, 2**30))
def test_noise_that_is_not_written_out_serves_the_same(
    agents: int, cut: int, rows: int, small: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    priority = torch.randint(0, 6, (rows, agents), generator=generator).to(torch.uint8 if small else torch.int64)
    key = torch.randint(-(2**62), 2**62, (rows, 1), generator=generator)
    supply = torch.randint(0, agents + 2, (rows, 1), generator=generator)

    def answer(first: int, end: int, together: Callable[[Tensor], Tensor]) -> Tensor:
        return select_among_by_key(priority[:, first:end], hashing.ahead(key, first), supply, 5, first, together)

    assert torch.equal(in_two_ranges(answer, cut, agents), select(priority, key, supply, 5))
