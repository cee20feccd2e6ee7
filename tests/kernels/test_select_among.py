"""Ranges that select together serve those whom one process would, ties included."""

import threading

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm.kernels import select_by
from causal_lpm.kernels.select_among import select_among


@settings(max_examples=60)
@given(st.integers(4, 40), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2**30))
def test_ranges_serve_those_whom_one_process_serves(agents: int, cut: int, rows: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    priority = torch.randint(0, 6, (rows, agents), generator=generator)
    noise = torch.randint(1, 4, (agents,), generator=generator) / 3  # many ties
    supply = torch.randint(0, agents + 2, (rows, 1), generator=generator)
    meeting, counts, served = threading.Barrier(2), [torch.zeros(())] * 2, [torch.zeros(())] * 2

    def select(rank: int, first: int, end: int) -> None:
        def together(own: torch.Tensor) -> torch.Tensor:
            counts[rank] = own
            meeting.wait(10)
            total = counts[0] + counts[1]
            meeting.wait(10)
            return total

        own = noise[first:end]
        served[rank] = select_among(priority[:, first:end], lambda: own, own.shape[:-1], supply, 5, first, together)

    threads = [threading.Thread(target=select, args=each) for each in ((0, 0, cut), (1, cut, agents))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert torch.equal(torch.cat(served, -1), select_by(priority, noise, supply, 5))
