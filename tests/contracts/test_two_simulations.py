"""The law: two simulations in one block of any handlers equal the same two in two blocks."""

import itertools

import pyro
import pytest
import torch
from chirho.dynamical.ops import simulate
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from causal_lpm import DiscreteTime, KeyedNoise, Seeds, event
from causal_lpm.typing import State
from tests.contracts.blocks import EXACT, GRADIENTS, HANDLERS, SEEDS, Block, Told, allowed, columns, unlike
from tests.contracts.models import FLU, MODELS, Model

each_model = pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
few = settings(max_examples=10)


def in_two_blocks(names: list[str], model: Model) -> list[Told]:
    told = []
    for seed in SEEDS:
        block = Block(names, model)
        with block():
            told.append(block.told(seed))
    return told


def compare(names: list[str], model: Model) -> None:
    apart = in_two_blocks(names, model)
    together = Block(names, model)
    with together():
        one = [together.told(seed) for seed in SEEDS]
    again = Block(names, model)
    used_again = []
    for seed in SEEDS:
        with again():
            used_again.append(again.told(seed))
    assert [unlike(a, b) for a, b in zip(apart, one, strict=True)] == [[], []], "in one block"
    assert [unlike(a, b) for a, b in zip(apart, used_again, strict=True)] == [[], []], "handlers used again"


@each_model
@pytest.mark.parametrize("name", EXACT)
def test_in_a_block_of_one_handler(model: Model, name: str) -> None:
    compare([name], model)


@pytest.mark.parametrize("name", sorted(GRADIENTS))
def test_in_a_block_of_a_gradient_handler(name: str) -> None:
    compare([name], FLU)


@few
@given(model=st.sampled_from(MODELS), names=st.lists(st.sampled_from(EXACT), min_size=2, max_size=5, unique=True))
def test_in_a_block_of_several_handlers(model: Model, names: list[str]) -> None:
    assume(allowed(names))
    compare(names, model)


@few
@given(
    name=st.sampled_from(sorted(GRADIENTS)),
    others=st.lists(st.sampled_from(EXACT), min_size=1, max_size=3, unique=True),
    data=st.data(),
)
def test_in_a_block_of_a_gradient_handler_and_others(name: str, others: list[str], data: st.DataObject) -> None:
    names = data.draw(st.permutations([name, *others]))
    assume(allowed(names) and not {"observation", "batch observation", "condition", "do", "comparing"} & set(names))
    compare(names, FLU)


@pytest.mark.slow
@each_model
@pytest.mark.parametrize("first", EXACT)
def test_in_blocks_of_two_handlers(model: Model, first: str) -> None:
    for second in EXACT:
        if first != second and allowed([first, second]):
            compare([first, second], model)


@pytest.mark.parametrize("noise", ["keyed", "seeds"])
def test_two_named_rollouts_under_one_seed(noise: str) -> None:
    def entered() -> KeyedNoise:
        pyro.set_rng_seed(0)
        return Seeds("luck") if noise == "seeds" else KeyedNoise(7)

    with entered():
        one = [columns(torch.tensor(0.06), name) for name in ("spring", "autumn")]
    for run, name in zip(one, ("spring", "autumn"), strict=True):
        with entered():
            alone = columns(torch.tensor(0.06), name)
        assert unlike(run.state | run.tallies, alone.state | alone.tallies) == []
    assert unlike(one[0].tallies, one[1].tallies) == ["cases"]


@pytest.mark.parametrize("noise", [KeyedNoise(7), Seeds("luck")], ids=["keyed", "seeds"])
def test_two_rollouts_without_a_name_under_one_seed_are_refused(noise: KeyedNoise) -> None:
    with noise:
        columns(torch.tensor(0.06))
        with pytest.raises(ValueError, match="would have the same noise"):
            columns(torch.tensor(0.06))


def test_two_simulations_of_chirho_under_one_seed_are_the_same() -> None:
    def day(s: State) -> State:
        return {"x": s["x"] | event("x", 0.3)}

    with KeyedNoise(7), DiscreteTime():
        runs = [simulate(day, {"x": torch.zeros(50, dtype=torch.bool)}, *torch.tensor([0.0, 3.0])) for _ in range(2)]
    assert torch.equal(runs[0]["x"], runs[1]["x"])


def test_every_pair_is_allowed_or_named() -> None:
    """No handler is left out of the pairs."""
    pairs = [pair for pair in itertools.permutations(HANDLERS, 2) if allowed(pair)]
    assert {name for pair in pairs for name in pair} == set(HANDLERS)
