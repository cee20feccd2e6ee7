"""Kept sums are those of their messages, and are handed out once."""

import torch

from causal_lpm.agents.networks import random_graph
from causal_lpm.ops.kept_sums import KeptSum, KeptSums, written


def test_rows_change_places_and_who_takes_them_out_is_the_only_one() -> None:
    graph, asked = random_graph(50, 4, seed=1), torch.rand(3, 50) < 0.2
    sums = KeptSums()
    sums.put(graph, KeptSum(asked, graph.total(asked), written(graph)))
    swapped = sums.each(lambda rows: rows[torch.tensor([2, 0, 0])])
    found = swapped.pop(graph)
    assert found is not None
    assert torch.equal(found.total, graph.total(asked[torch.tensor([2, 0, 0])]))
    assert swapped.pop(graph) is None
    assert sums.pop(graph) is not None, "the others are still there"


def test_a_network_that_is_gone_is_forgotten() -> None:
    sums = KeptSums()
    graph = random_graph(50, 4, seed=1)
    sums.put(graph, KeptSum(torch.zeros(50), torch.zeros(50), written(graph)))
    del graph
    assert len(sums._of) == 0
