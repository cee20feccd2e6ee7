"""`look_up` equals plain Python over all types of tables and indices, or refuses; in worlds as without them."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from chirho.interventional.handlers import do
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from causal_lpm import Worlds, look_up, policy
from tests.contracts.numbers import FLOATS, REFUSED, TYPES, WHOLE, arrays, cells, check

INDICES = st.sampled_from([TYPES, [torch.bool], WHOLE])
TABLES = [torch.bool, torch.uint8, torch.int16, torch.int64, torch.uint32, *FLOATS]


def looked_up(table: Tensor, index: Tensor) -> Any:
    """Entry by entry, or None where an index is none."""
    if index.dtype in FLOATS or table.dtype == torch.uint64:
        return REFUSED
    entries, places = np.array(cells(table), dtype=object), np.array(cells(index), dtype=object)
    if any(not 0 <= place < table.shape[-1] for place in places.reshape(-1)):
        return REFUSED
    shape = np.broadcast_shapes(table.shape[:-1], index.shape)
    entries = np.broadcast_to(entries.reshape(table.shape), (*shape, table.shape[-1]))
    places = np.broadcast_to(places.reshape(index.shape), shape)
    return [entries[at][int(places[at])] for at in np.ndindex(*shape)], shape


@settings(max_examples=200)
@given(
    st.data(),
    st.sampled_from([(), (2,), (2, 1)]),
    st.sampled_from([0, 1, 5]),
    st.sampled_from([1, 3]),
    st.sampled_from(["one", "each", "by row"]),
)
def test_look_up(data: st.DataObject, lead: tuple[int, ...], agents: int, entries: int, whose: str) -> None:
    shape = {"one": (entries,), "each": (agents, entries), "by row": (2, 1, entries)}[whose]
    table = data.draw(arrays(shape, [0, 1, 2.5, 7], types=TABLES))
    index = data.draw(arrays((*lead, agents), list(range(entries)), data.draw(st.booleans()), data.draw(INDICES)))
    expected = looked_up(table, index)
    got = check(lambda: look_up(table, index), expected)
    if got is not None:
        values, size = expected
        assert got.shape == size
        assert got.dtype == {torch.uint32: torch.int64}.get(table.dtype, table.dtype)
        assert all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(_flat(got), values, strict=True))


def _flat(x: Tensor) -> list[Any]:
    return (x.double() if x.dtype == torch.bfloat16 else x).flatten().tolist()


def test_what_is_refused_without_a_look() -> None:
    table, index = torch.ones(3), torch.zeros(4, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"the index to look up is torch\.float32: give integers"):
        look_up(table, index.float())
    with pytest.raises(ValueError, match=r"shape \(0,\): give at least one entry"):
        look_up(table[:0], index)
    with pytest.raises(ValueError, match="do not fit together"):
        look_up(torch.ones(5, 3), index)
    with pytest.raises(ValueError, match="-1 is looked up in a table with the entries 0 to 2: give an index within"):
        look_up(table, index - 1)


def test_worlds_are_those_of_separate_runs() -> None:
    stage = torch.arange(6) % 3

    def rates(factor: Any, mixing: Any) -> Tensor:
        with do(actions={"factor": factor, "mixing": mixing}):
            table = torch.tensor([0.0, 1.0, 0.25]) * policy("factor", 1.0)[..., None]
            return look_up(table, stage * policy("mixing", 1.0).to(torch.uint8))

    factors, mixing = torch.tensor([1.0, 2.0, 0.5]), torch.tensor([1.0, 1.0, 0.0])
    with Worlds() as worlds:
        together = rates(tuple(factors[1:]), tuple(mixing[1:]))
    for world in range(3):
        assert torch.equal(worlds.take(together, world).flatten(), rates(factors[world], mixing[world]).flatten())


def test_a_gradient_flows_to_the_table() -> None:
    table = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    look_up(table, torch.tensor([0, 2, 2])).sum().backward()
    assert table.grad is not None
    assert table.grad.tolist() == [1.0, 0.0, 2.0]
