"""Every operation, over all types and sizes of numbers, equals plain Python and numpy or refuses with ValueError.

Each reference is written out here, from exact Python numbers; it says as well what must be refused.
"""

import contextlib
import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, get_args

import numpy as np
import pyro
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from causal_lpm import KeyedNoise, allocate, choose, event, exogenous, exposure, kernels, policy, tally
from causal_lpm.agents.networks import Graph, Groups
from causal_lpm.ops.allocate import CLASSES
from causal_lpm.ops.responses import Coupling
from causal_lpm.typing import Network, NoiseKind

WHOLE = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint32, torch.uint64]
FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
TYPES = [torch.bool, *WHOLE, *FLOATS]
REFUSED = None  # what a reference returns where the operation must refuse
NAN, INF = math.nan, math.inf

LARGE = [2**24 + 1, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1, -(2**31), -(2**63)]
ODD = [0.5, 2.9, 0.1, NAN, INF, -INF, 6e4, 2.0**24 + 1, 1e13, 1e39, 1e300, -1e13, 1e-45, -0.0]

dims = st.sampled_from([(), (0,), (1,), (2,), (2, 1)])
sizes = st.sampled_from([0, 1, 2, 5])
handlers = st.sampled_from(["keyed", "sites"])
implementations = st.sampled_from(["numba", "reference"])


@st.composite
def arrays(
    draw: st.DrawFn, shape: tuple[int, ...], usual: list[float], unusual: bool = True, types: Any = TYPES
) -> Tensor:
    """Numbers of any type: the usual ones, and now and then what lies at the ends of the type."""
    dtype = draw(st.sampled_from(types))
    pool = list(usual)
    if unusual and draw(st.integers(0, 2)) == 0:
        pool += [x for x in LARGE + ODD if dtype in FLOATS or not isinstance(x, float)]
    if dtype == torch.bool:
        pool = [0, 1]
    elif dtype in WHOLE:
        ends = torch.iinfo(dtype)
        pool = [int(x) for x in pool if float(x).is_integer() and ends.min <= x <= ends.max] or [0]
    size = math.prod(shape)
    numbers = draw(st.lists(st.sampled_from(pool), min_size=size, max_size=size))
    if dtype in FLOATS:
        return torch.tensor(numbers, dtype=torch.float64).to(dtype).reshape(shape)
    return torch.tensor(numbers, dtype=dtype).reshape(shape)


def cells(x: Tensor) -> list[list[Any]]:
    """The rows as Python's numbers, which are exact."""
    exact = x.double() if x.dtype == torch.bfloat16 else x
    return exact.reshape(math.prod(x.shape[:-1]), x.shape[-1]).tolist()


@contextlib.contextmanager
def luck(handler: str, seed: int = 3) -> Iterator[pyro.poutine.trace_messenger.TraceMessenger]:
    pyro.set_rng_seed(seed)
    with KeyedNoise(seed) if handler == "keyed" else contextlib.nullcontext(), pyro.poutine.trace() as tr:
        yield tr


def noise_of(tr: Any, handler: str, name: str, agents: int, kind: NoiseKind = "exponential", slots: int = 1) -> Any:
    if handler == "sites":
        return tr.trace.nodes[f"{name}_noise"]["value"].numpy()
    with KeyedNoise(3):
        return exogenous(name, agents, kind, slots).numpy()


def check(call: Any, expected: Any) -> Any:
    """The result, or None where the call must refuse and does."""
    if expected is REFUSED:
        with pytest.raises(ValueError, match=r"\w{3}.*: \w"):
            call()
        return None
    return call()


# exposure


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
    if by.dtype == torch.bool or by.dtype in FLOATS or any(not -1 <= g < 2**63 for g in labels):
        return REFUSED
    highest = max(labels, default=-1)
    if groups is None:  # serial numbers are refused
        return highest + 1 if 0 <= highest < 2**20 else REFUSED
    return groups if highest < groups else REFUSED


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


# event


@settings(max_examples=150)
@given(st.data(), dims, sizes, handlers, implementations, st.booleans())
def test_event(data: st.DataObject, lead: tuple[int, ...], agents: int, handler: str, how: str, masked: bool) -> None:
    hazard = data.draw(arrays((*lead, agents), [0, 1, 0.5, 2, 60], unusual=data.draw(st.booleans())))
    where = data.draw(arrays((agents,), [0, 1], types=[torch.bool])) if masked else None
    with np.errstate(over="ignore"):
        rate = np.array(cells(hazard)).reshape(hazard.shape).astype(np.float32)
    fits = agents > 1 and bool((rate >= 0).all())  # one agent outside of a rollout could be one number for all
    fits = fits and not (hazard.dtype == torch.uint64 and any(v >= 2**63 for row in cells(hazard) for v in row))
    with luck(handler) as tr, kernels.use(how):
        happened = check(lambda: event("e", hazard, where=where), 1 if fits else REFUSED)
    if happened is not None:
        expected = noise_of(tr, handler, "e", agents) < rate
        assert np.array_equal(happened.numpy(), expected if where is None else expected & where.numpy())


@settings(max_examples=150)
@given(st.data(), st.sampled_from([2, 5]), handlers, st.booleans())
def test_observed_event(data: st.DataObject, agents: int, handler: str, possible: bool) -> None:
    hazard = data.draw(arrays((agents,), [0.5, 2] if possible else [0, 0.5, INF], unusual=False, types=[torch.float32]))
    obs = data.draw(arrays((agents,), [0, 1, NAN], unusual=data.draw(st.integers(0, 3)) == 0))
    known = [(v, h) for v, h in zip(cells(obs)[0], hazard.tolist(), strict=True) if not math.isnan(v)]
    fits = all(v in (0, 1) and not (v == 1 and h == 0) and not (v == 0 and h == INF) for v, h in known)
    with luck(handler) as tr:
        happened = check(lambda: event("e", hazard, obs), 1 if fits else REFUSED)
    if happened is not None:
        missing = np.isnan(np.array(cells(obs)[0], dtype=float))
        own = noise_of(tr, handler, "e", agents) < hazard.numpy() if handler == "keyed" or missing.any() else missing
        assert np.array_equal(happened.numpy(), np.where(missing, own, np.array(cells(obs)[0]) == 1))
        log_p = sum(math.log(-math.expm1(-h)) if v else -h for v, h in known)
        assert float(tr.trace.nodes["e"]["fn"].log_prob(obs).sum()) == pytest.approx(log_p, rel=1e-5, abs=1e-5)


# choose


@settings(max_examples=200)
@given(st.data(), dims, sizes, st.integers(0, 3), handlers, implementations, st.sampled_from(get_args(Coupling)))
def test_choose(
    data: st.DataObject,
    lead: tuple[int, ...],
    agents: int,
    options: int,
    handler: str,
    how: str,
    coupling: Coupling,
) -> None:
    logits = data.draw(arrays((*lead, agents, options), [0, 1, -2, 0.5], unusual=data.draw(st.integers(0, 2)) == 0))
    if data.draw(st.booleans()) and logits.dtype in FLOATS:
        logits[..., :1] = -INF
    exact = np.array(cells(logits), dtype=object if logits.dtype in WHOLE else None).reshape(logits.shape)
    fits = agents > 0 and options > 0
    with np.errstate(over="ignore"):
        single = exact.astype(np.float64 if logits.dtype == torch.float64 else np.float32)
    if logits.dtype in WHOLE:
        fits = fits and all(int(v) == w and w < 2**63 for v, w in zip(single.flat, exact.flat, strict=True))
    fits = fits and bool(np.isfinite(single.max(-1)).all())
    with luck(handler) as tr, kernels.use(how):
        chosen = check(lambda: choose("c", logits, coupling=coupling), 1 if fits else REFUSED)
    if chosen is None:
        return
    assert chosen.shape == logits.shape[:-1]
    scores = single.astype(np.float64)
    assert np.isfinite(np.take_along_axis(scores, chosen.numpy()[..., None], -1)).all(), "an impossible option"
    if coupling == "inverse_cdf":
        u = noise_of(tr, handler, "c", agents, "uniform")
        p = np.exp(scores - scores.max(-1, keepdims=True))
        upper = (p / p.sum(-1, keepdims=True)).cumsum(-1)
        high = np.take_along_axis(upper, chosen.numpy()[..., None], -1)[..., 0]
        low = high - np.take_along_axis(p / p.sum(-1, keepdims=True), chosen.numpy()[..., None], -1)[..., 0]
        assert ((low - 1e-6 <= u) & (u <= high + 1e-6)).all()
    else:
        noise = noise_of(tr, handler, "c", agents, slots=options).reshape(agents, options)
        race = scores - np.log(noise.astype(np.float64))
        best, won = race.max(-1), np.take_along_axis(race, chosen.numpy()[..., None], -1)[..., 0]
        assert (won >= best - 1e-6 * (1 + abs(best))).all()  # float32 may not tell two options apart


# exogenous and policy


@settings(max_examples=150)
@given(st.data(), dims, sizes, st.integers(1, 3), handlers, implementations)
def test_exogenous_by_index(
    data: st.DataObject, lead: tuple[int, ...], agents: int, slots: int, handler: str, how: str
) -> None:
    index = data.draw(arrays((*lead, agents), [0, 1, 2], unusual=data.draw(st.integers(0, 2)) == 0))
    numbers = cells(index)
    fits = agents > 0 and all(0 <= v < slots and float(v).is_integer() for row in numbers for v in row)
    with luck(handler) as tr, kernels.use(how):
        picked = check(lambda: exogenous("x", agents, "uniform", slots, index), 1 if fits else REFUSED)
        if picked is None:
            return
        whole = torch.tensor([[int(v) for v in row] for row in numbers]).reshape(index.shape).long()
        if handler == "keyed":
            field = torch.stack([exogenous("x", agents, "uniform", 3, torch.full((agents,), n)) for n in range(slots)])
        else:
            field = tr.trace.nodes["x_noise"]["value"].reshape(agents, slots).T
    assert torch.equal(picked, field[whole, torch.arange(agents)])


COUNTS = [0, 1, 3, -1, 2.0, 2.5, True, NAN, INF, "x", None, 1j, 10**30, np.int8(2), np.float32(3), torch.tensor(4)]


@settings(max_examples=60)
@given(st.sampled_from(COUNTS), st.sampled_from(COUNTS), handlers)
def test_exogenous_by_counts(agents: Any, slots: Any, handler: str) -> None:
    def count(x: Any) -> Any:
        number = x if not isinstance(x, Tensor) else x.item()
        whole = isinstance(number, int | np.integer) and number is not True
        return int(number) if whole and 1 <= number < 10**9 else REFUSED

    rows, columns = count(agents), count(slots)
    with luck(handler):
        noise = check(lambda: exogenous("x", agents, slots=slots), rows and columns)
    if noise is not None:
        assert noise.shape == ((rows,) if columns == 1 else (rows, columns))


@settings(max_examples=150)
@given(st.data(), st.sampled_from([(), (1,), (3,)]), st.booleans())
def test_policy(data: st.DataObject, shape: tuple[int, ...], tensor: bool) -> None:
    value: Any = data.draw(arrays(shape, [0, 1, 30, -2, 0.1, 2**24]))
    if not tensor:
        value = data.draw(
            st.sampled_from([*LARGE, *ODD, 0, 30, True, 2**70, "x", None, 1j, [1, 2], [0.5, 2**24 + 1.0]])
        )
    given_numbers = cells(torch.atleast_1d(value))[0] if tensor else value if isinstance(value, list) else [value]
    fits = all(isinstance(v, int | float) for v in given_numbers)
    for v in given_numbers if fits else []:
        with np.errstate(over="ignore"):
            rounded = float(np.float32(v))
        counts = isinstance(v, int) or (float(v).is_integer() and abs(v) < 2**53)
        lost = rounded != v if counts else math.isnan(v) or (math.isinf(rounded) and math.isfinite(v))
        fits = fits and not lost and not (isinstance(v, int) and not -(2**63) <= v < 2**63)
    decided = check(lambda: policy("p", value), 1 if fits else REFUSED)
    if decided is not None:
        assert decided.dtype == torch.float32
        assert decided.tolist() == [float(np.float32(v)) for v in given_numbers]


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_complex_numbers_are_refused(dtype: torch.dtype) -> None:
    x = torch.ones(2, dtype=dtype)
    whole = torch.zeros(2, dtype=torch.int64)
    for call in (
        lambda: exposure(Groups(whole), x),
        lambda: tally("x", x),
        lambda: tally("x", whole, by=x),
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
