"""Sums and allocations over all types and sizes of numbers equal plain Python and numpy, or refuse with ValueError.

Each reference is written out here, from exact Python numbers; it says as well what must be refused.
"""

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from causal_lpm import allocate, choose, event, exogenous, exposure, kernels, policy, tally
from causal_lpm.agents.networks import Graph, Groups
from causal_lpm.ops.allocate import CLASSES
from causal_lpm.typing import Network
from tests.contracts.numbers import (
    FLOATS,
    INF,
    NAN,
    REFUSED,
    arrays,
    cells,
    check,
    dims,
    handlers,
    implementations,
    luck,
    noise_of,
    sizes,
)


def contacts(network: Network) -> list[list[int]]:
    """Whom each agent meets."""
    if isinstance(network, Groups):
        group = network.group.tolist()
        return [[j for j, g in enumerate(group) if j != i and g == mine >= 0] for i, mine in enumerate(group)]
    assert isinstance(network, Graph)
    ends = network.indptr.tolist()
    return [network.neighbours[a:b].tolist() for a, b in itertools.pairwise(ends)]


def sums_over_contacts(x: Tensor, network: Network) -> Any:
    unit = 2**20 if x.dtype in FLOATS else 1
    rows = []
    for row in cells(x):
        if any(not math.isfinite(v) or abs(v) * unit >= 2**63 for v in row if unit > 1):
            return REFUSED
        sent = [round(Fraction(v) * unit) if unit > 1 else int(v) for v in row]
        if any(v >= 2**63 for v in sent):
            return REFUSED
        rows.append([sum(sent[j] for j in others) for others in contacts(network)])
    if any(not -(2**63) <= total < 2**63 for row in rows for total in row):
        return REFUSED
    return np.array(rows, dtype=np.int64).reshape(x.shape).astype(np.float32) / np.float32(unit)


NETWORKS = {
    1: [Groups(torch.tensor([0])), Graph.from_edges(torch.tensor([0]), torch.tensor([0]), 1)],
    2: [Groups(torch.tensor([0, 0])), Graph.from_edges(torch.tensor([0, 0]), torch.tensor([1, 1]), 2)],
    5: [
        Groups(torch.tensor([0, 0, 1, -1, 0])),
        Graph.from_edges(torch.tensor([0, 0, 0, 0, 3]), torch.tensor([1, 2, 3, 4, 4]), 5),
    ],
}


@settings(max_examples=150)
@given(st.data(), dims, st.sampled_from([1, 2, 5]), st.booleans(), implementations)
def test_exposure(data: st.DataObject, lead: tuple[int, ...], agents: int, groups: bool, how: str) -> None:
    x = data.draw(arrays((*lead, agents), [0, 1, 3, 0.25, -2, 1e12, 2**40, 2**61]))
    network = NETWORKS[agents][0 if groups else 1]
    expected = sums_over_contacts(x, network)
    with kernels.use(how):
        total = check(lambda: exposure(network, x), expected)
    if total is not None:
        assert total.dtype == torch.float32
        assert np.array_equal(total.numpy(), expected)


# tally


def sums_by_group(x: Tensor, by: list[int], groups: int) -> Any:
    """Exact sums; a float's row and group has NaN or infinity where an agent has."""
    if x.dtype == torch.uint64 and any(v >= 2**63 for row in cells(x) for v in row):
        return REFUSED
    rows = []
    for row in cells(x):
        members = [[v for v, g in zip(row, by, strict=True) if g == group] for group in range(groups)]
        if x.dtype in FLOATS:
            rows.append([math.fsum(m) if np.isfinite(m).all() else float(np.sum(m)) for m in members])
        else:
            rows.append([sum(map(int, m)) for m in members])
    if x.dtype not in FLOATS and any(not -(2**63) <= total < 2**63 for row in rows for total in row):
        return REFUSED
    return np.array(rows, dtype=np.float64 if x.dtype in FLOATS else np.int64).reshape(*x.shape[:-1], groups)


def same_sums(got: Tensor, expected: Any, x: Tensor) -> None:
    assert got.dtype == (torch.float64 if x.dtype in FLOATS else torch.int64)
    assert got.shape == expected.shape
    if x.dtype in FLOATS:  # float64 sums in any order: off by the rounding of what was added
        size = sum(abs(v) for row in cells(x) for v in row if math.isfinite(v))
        assert np.allclose(got.numpy(), expected, rtol=0, atol=1e-13 * size, equal_nan=True)
    else:
        assert np.array_equal(got.numpy(), expected)


def group_count(by: Tensor, groups: int | None) -> Any:
    labels = by.tolist()
    if groups is None or by.dtype == torch.bool or by.dtype in FLOATS or any(not -1 <= g < 2**63 for g in labels):
        return REFUSED
    return groups if max(labels, default=-1) < groups else REFUSED


@settings(max_examples=150)
@given(st.data(), dims, sizes, st.sampled_from([None, 1, 3]))
def test_tally(data: st.DataObject, lead: tuple[int, ...], agents: int, groups: int | None) -> None:
    x = data.draw(arrays((*lead, agents), [0, 1, 2, -3, 0.5]))
    with np.errstate(invalid="ignore"):  # inf - inf
        expected = sums_by_group(x, [0] * agents, 1)
        total = check(lambda: tally("x", x), expected)
        if total is not None:
            same_sums(total, expected, x)
        by = data.draw(arrays((agents,), [-1, 0, 1, 2]))
        count = group_count(by, groups)
        expected = REFUSED if count is REFUSED else sums_by_group(x, by.tolist(), count)
        parts = check(lambda: tally("x", x, by, groups=groups), expected)
        if parts is not None:
            same_sums(parts, expected, x)


def test_those_in_no_group_are_counted_nowhere_however_many_they_are() -> None:
    x = torch.tensor([1, 2**63 - 1, 5])
    assert tally("x", x, torch.tensor([-1, -1, 0]), groups=1).tolist() == [5]


# allocate


def supplied(supply: Any) -> Any:
    """How many, or infinity; None where the supply is no whole number."""
    value = supply.double().item() if isinstance(supply, Tensor) and supply.dtype in FLOATS else supply
    value = value.item() if isinstance(value, Tensor) else value
    too_large = isinstance(supply, Tensor) and supply.dtype == torch.uint64 and value >= 2**63
    whole = not isinstance(value, float) or (not math.isnan(value) and (math.isinf(value) or value.is_integer()))
    return REFUSED if too_large or not whole else value


def by_sorting(priority: list[int], noise: Any, supply: float) -> list[bool]:
    asking = [i for i in range(len(priority)) if priority[i] < CLASSES]
    order = sorted(asking, key=lambda i: (priority[i], noise[i], i))
    served = set(order[: int(min(max(supply, 0), len(order)))])
    return [i in served for i in range(len(priority))]


@settings(max_examples=150)
@given(st.data(), dims, sizes, handlers, implementations, st.booleans())
def test_allocate(
    data: st.DataObject, lead: tuple[int, ...], agents: int, handler: str, how: str, tensor: bool
) -> None:
    priority = data.draw(arrays((*lead, agents), [0, 1, 2, 127, 255, 256, 300], unusual=False))
    if data.draw(st.integers(0, 4)) == 0:
        priority = data.draw(arrays((*lead, agents), [0, 1, -1]))
    supply: Any = data.draw(arrays(data.draw(st.sampled_from([(), (1,)])), [0, 1, 2, 3, 7]))
    if not tensor:
        supply = data.draw(st.sampled_from([0, 1, 2, 3.0, 2.5, -1, True, 2**70, -(2**70), 10**400, INF, NAN, -INF]))
    classes = cells(priority)
    bad = priority.dtype in FLOATS or agents == 0 or any(not 0 <= p < 2**63 for row in classes for p in row)
    number = REFUSED if bad else supplied(supply)
    with luck(handler) as tr, kernels.use(how):
        served = check(lambda: allocate("a", priority, supply), number)
    if served is not None:
        noise = noise_of(tr, handler, "a", agents)
        expected = [by_sorting([int(p) for p in row], noise, number) for row in classes]
        assert served.dtype == torch.bool
        assert served.shape == priority.shape
        assert served.reshape(-1, agents).tolist() == expected


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_complex_numbers_are_refused(dtype: torch.dtype) -> None:
    x = torch.ones(2, dtype=dtype)
    whole = torch.zeros(2, dtype=torch.int64)
    for call in (
        lambda: exposure(Groups(whole), x),
        lambda: tally("x", x),
        lambda: tally("x", whole, by=x, groups=1),
        lambda: allocate("x", x, 1),
        lambda: allocate("x", whole, x[:1]),
        lambda: event("x", x),
        lambda: event("x", torch.ones(2), x),
        lambda: choose("x", x[:, None]),
        lambda: exogenous("x", 2, slots=2, index=x),
        lambda: policy("x", x),
    ):
        with pytest.raises(ValueError, match=r"came as torch\.complex"):
            call()
