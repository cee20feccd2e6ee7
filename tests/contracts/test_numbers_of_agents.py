"""Events, choices, noise and policies over all types and sizes of numbers equal plain numpy, or refuse with ValueError.

As in `test_numbers`; the noise is that which was drawn.
"""

import math
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from causal_lpm import choose, event, exogenous, kernels, policy
from causal_lpm.ops.responses import Coupling
from tests.contracts.numbers import (
    FLOATS,
    INF,
    LARGE,
    NAN,
    ODD,
    REFUSED,
    WHOLE,
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
