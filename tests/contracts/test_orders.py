"""The law: handlers that may stand inside each other in several orders tell the same in all of them, bit for bit."""

import contextlib
import itertools
from collections.abc import Sequence

import pyro
import pytest
import torch
from chirho.dynamical.handlers import LogTrajectory, StaticBatchObservation
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from causal_lpm import KeyedNoise, Recording, Seeds
from tests.contracts.blocks import DAYS, EXACT, GRADIENTS, HANDLERS, SEEDS, Told, columns, unlike
from tests.contracts.blocks import allowed as may_stand
from tests.contracts.models import FLU, MODELS, Model

ALL = {**HANDLERS, "keyed": lambda model: KeyedNoise(SEEDS[0]), "seeds": lambda model: Seeds("luck", (0, 3))}
NOISE = {"keyed", "seeds"}
ORDERLY = [*EXACT, *sorted(NOISE)]


def allowed(names: Sequence[str]) -> bool:
    """Whether these may stand in this order; columns of floats have no policy that `comparing` would find."""
    return may_stand(names) and len(NOISE & set(names)) < 2 and not (GRADIENTS & set(names) and "comparing" in names)


def told(names: Sequence[str], model: Model) -> Told:
    """What one simulation under these handlers, outermost first, and its recorders tell."""
    pyro.set_rng_seed(0)
    with contextlib.ExitStack() as stack:
        if not NOISE & set(names):
            stack.enter_context(KeyedNoise(SEEDS[0]))
        handlers = [stack.enter_context(ALL[name](model)) for name in names]
        run = columns(torch.tensor(0.06)) if GRADIENTS & set(names) else model.simulate(DAYS)
    found = {**run.state, **run.tallies}
    for handler in handlers:
        if isinstance(handler, LogTrajectory) and not isinstance(handler, StaticBatchObservation):
            found |= {f"log of {name}": value for name, value in handler.trajectory.items()}
        if isinstance(handler, Recording):
            found |= {f"record of {name}": value for name, value in handler.series().items()}
    return found


def test_every_two_handlers_in_both_orders() -> None:
    pairs = [pair for pair in itertools.combinations(ALL, 2) if allowed(pair) and allowed(pair[::-1])]
    assert len(pairs) >= 190
    differ = [pair for pair in pairs if unlike(told(pair, FLU), told(pair[::-1], FLU))]
    assert differ == []


@pytest.mark.parametrize("noise", sorted(NOISE))
def test_five_handlers_in_all_their_orders(noise: str) -> None:
    names = noise, "comparing", "static", "recording", "checkpointing"
    expected = told(names, FLU)
    assert int(expected["cases"].sum()) > 50
    differ = [order for order in itertools.permutations(names) if unlike(told(order, FLU), expected)]
    assert differ == []


@settings(max_examples=25)
@given(
    model=st.sampled_from(MODELS),
    names=st.lists(st.sampled_from(ORDERLY), min_size=3, max_size=6, unique=True),
    data=st.data(),
)
def test_several_handlers_in_two_orders(model: Model, names: list[str], data: st.DataObject) -> None:
    other = data.draw(st.permutations(names))
    assume(allowed(names) and allowed(other))
    assert unlike(told(names, model), told(other, model)) == []
