"""Whoever answers an operation refuses bad values by the same sentence; no public function looks at a value."""

import contextlib
import math
from collections.abc import Callable
from typing import Any

import pyro.distributions as dist
import pytest
import torch

from causal_lpm import (
    KeyedNoise,
    MeanField,
    Recording,
    Relaxed,
    Score,
    Seeds,
    StraightThrough,
    Worlds,
    above,
    allocate,
    choose,
    event,
    exogenous,
    exposure,
    look_up,
    observed,
    policy,
    tally,
)
from causal_lpm.agents.networks import FreshRandom, Groups, random_graph
from causal_lpm.handlers.incremental import Incremental
from tests.contracts.opaque import Opaque, Sealed, opened

NAN, INF = math.nan, math.inf
PAIRS = Groups(torch.tensor([0, 0, 1]))


def floats(*values: float) -> torch.Tensor:
    """Numbers that carry a gradient, so that handlers for gradients answer what concerns them."""
    return torch.tensor(values, requires_grad=True)


BAD: dict[str, Callable[[], Any]] = {
    "negative hazard": lambda: event("x", floats(0.1, -0.1)),
    "hazard NaN": lambda: event("x", floats(0.1, NAN), where=torch.tensor([True, True])),
    "infinite infectiousness": lambda: exposure(PAIRS, floats(0.0, INF, 0.0)),
    "infectiousness NaN": lambda: exposure({"home": PAIRS}, floats(NAN, 0.0, 0.0)),
    "too large for fixed point": lambda: exposure(PAIRS, floats(2.0**50, 0.0, 0.0)),
    "label too high": lambda: tally("x", floats(0.1, 0.2), by=torch.tensor([0, 3]), groups=2),
    "label too low": lambda: tally("x", floats(0.1, 0.2), by=torch.tensor([0, -2]), groups=2),
    "class below zero": lambda: allocate("x", torch.tensor([0, -1]), 1),
    "a fraction supplied": lambda: allocate("x", torch.tensor([0, 1]), torch.tensor([0.5])),
    "no stock for a group": lambda: allocate("x", torch.tensor([0, 1]), 1, by=torch.tensor([0, 1])),
    "group too low": lambda: allocate("x", torch.tensor([0, 1]), 1, by=torch.tensor([0, -2])),
    "a stock below zero": lambda: allocate("x", torch.tensor([0, 1]), [1, -1], by=torch.tensor([0, 1])),
    "supply NaN": lambda: allocate("x", torch.tensor([0, 1]), NAN),
    "no such slot": lambda: exogenous("x", 2, slots=2, index=torch.tensor([0, 2])),
    "half a slot": lambda: exogenous("x", 2, slots=2, index=torch.tensor([0, 0.5])),
    "logit NaN": lambda: choose("x", torch.tensor([[0.0, NAN]])),
    "no possible option": lambda: choose("x", torch.tensor([[-INF, -INF]])),
    "logits that float32 changes": lambda: choose("x", torch.tensor([[0, 2**24 + 1]])),
    "outside of the table": lambda: look_up(floats(0.1, 0.2), torch.tensor([0, 2])),
    "before the table": lambda: look_up(floats(0.1, 0.2), torch.tensor([0, -1])),
    "margin NaN": lambda: above("x", floats(0.1, NAN), 1.0),
    "policy NaN": lambda: policy("x", NAN),
    "impossible report": lambda: observed("x", dist.Poisson(torch.tensor([3.0])), torch.tensor([-1.0])),
    "impossible event": lambda: event("x", torch.tensor([0.0, 1.0]), torch.tensor([1.0, 1.0])),
}
HANDLERS: dict[str, Callable[[], Any]] = {
    "KeyedNoise": lambda: KeyedNoise(1),
    "Seeds": Seeds,
    "Worlds": Worlds,
    "Incremental": Incremental,
    "Recording": Recording,
    "StraightThrough": StraightThrough,
    "MeanField": MeanField,
    "Relaxed": Relaxed,
    "Score": Score,
    "StraightThrough in KeyedNoise": lambda: _both(KeyedNoise(1), StraightThrough()),
    "KeyedNoise in Score": lambda: _both(Score(), KeyedNoise(1)),
}


@contextlib.contextmanager
def _both(outer: Any, inner: Any) -> Any:
    with outer, inner:
        yield


@pytest.mark.parametrize("bad", BAD)
def test_every_handler_refuses_by_the_same_sentence(bad: str) -> None:
    with pytest.raises(ValueError, match=r"\w{3}.*: \w") as alone:
        BAD[bad]()
    for name, handler in HANDLERS.items():
        with pytest.raises(ValueError, match=r"\w{3}.*: \w") as beside, handler():
            BAD[bad]()
        assert str(beside.value) == str(alone.value), name


AGENTS = 12
STAGE = torch.arange(AGENTS, dtype=torch.uint8) % 3
PER_AGENT = torch.arange(3 * AGENTS).reshape(AGENTS, 3)
LAYERS = {"home": Groups(torch.arange(AGENTS) // 3), "graph": random_graph(AGENTS, 4, seed=1)}
FRESH = FreshRandom(torch.ones(AGENTS, dtype=torch.int32), name="bus")
OPERATIONS: dict[str, Callable[[Callable[[torch.Tensor], Any]], Any]] = {
    "event": lambda hide: event("x", hide(STAGE / 2), where=hide(STAGE > 0)),
    "event of one hazard": lambda hide: event("x", 0.5, where=hide(STAGE > 0)),
    "exposure": lambda hide: exposure(LAYERS, hide(STAGE == 1)),
    "exposure of fractions": lambda hide: exposure(LAYERS["home"], hide(STAGE / 7)),
    "exposure of integers": lambda hide: exposure(LAYERS["graph"] + FRESH, hide(STAGE.long())),
    "tally": lambda hide: tally("x", hide(STAGE == 1)),
    "tally by group": lambda hide: tally("x", hide(STAGE / 2), by=STAGE, groups=3),
    "tally by opaque groups": lambda hide: tally("x", STAGE == 1, by=hide(STAGE), groups=3),
    "allocate": lambda hide: allocate("x", hide(STAGE.int()), hide(torch.tensor([5.0]))),
    "allocate by group": lambda hide: allocate(
        "x", hide(STAGE.int()), hide(torch.tensor([2.0, 1.0, 0.0])), by=hide(STAGE)
    ),
    "exogenous by number": lambda hide: exogenous("x", AGENTS, slots=3, index=hide(STAGE)),
    "above": lambda hide: above("x", hide(STAGE - 0.5), 1.0),
    "choose one-hot": lambda hide: choose("x", hide(torch.stack([STAGE, 1 - STAGE.int()], -1)), one_hot=True),
    "choose": lambda hide: choose("x", hide(torch.stack([STAGE, 1 - STAGE.int()], -1))),
    "look_up": lambda hide: look_up(torch.tensor([0.0, 1.0, 0.5]), hide(STAGE)),
    "look_up in one's own table": lambda hide: look_up(hide(PER_AGENT), hide(STAGE)),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_public_function_looks_at_a_value(operation: str) -> None:
    call = OPERATIONS[operation]
    with KeyedNoise(1):
        expected = call(lambda x: x)
    with Sealed(), KeyedNoise(1):
        answer = call(Opaque)
    several = isinstance(expected, dict)
    for name in expected if several else [None]:
        known, got = (expected[name], answer[name]) if several else (expected, answer)
        assert isinstance(got, Opaque)
        assert torch.equal(opened(got), known)
