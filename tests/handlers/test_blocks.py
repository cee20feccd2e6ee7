"""Noise in blocks: equal keys give the noise of one key; a block's key moves its agents alone."""

import pyro
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm import Seeds, Worlds, allocate, event, exogenous, kernels
from causal_lpm.handlers import blocks
from causal_lpm.kernels import hashing
from tests.contracts.models import MODELS, Model

SIZES = st.tuples(st.integers(1, 40), st.integers(1, 9))


@settings(max_examples=60, deadline=None)
@given(SIZES, st.booleans(), st.sampled_from([None, 1, 3]), st.integers(0, 2**62))
def test_equal_keys_are_one_key(size: tuple[int, int], rows: bool, slots: int | None, key: int) -> None:
    agents, count = size
    one = torch.tensor([[key], [key + 1]] if rows else [key])
    many = one.expand(*one.shape[:-1], count)
    same = [
        (blocks.field(many, agents, kind, slots), kernels.field(one, agents, kind, slots))
        for kind in ("exponential", "bits")
    ]
    index = torch.arange(agents) % 4
    same.append((blocks.field_at(many, index, "uniform"), kernels.field_at(one, index, "uniform")))
    for hazard in (torch.rand(agents), torch.rand(5, 2, agents), torch.tensor([0.7])):
        where = torch.arange(agents) % 3 > 0
        for who in (None, where):
            alone = kernels.happens(hazard.expand(*hazard.shape[:-1], agents) if who is None else hazard, one, who)
            spread = hazard.expand(*hazard.shape[:-1], agents) if who is None else hazard
            same.append((blocks.happens(spread, many, who), alone))
    assert all(torch.equal(a, b) for a, b in same)


def test_a_block_has_its_key_alone() -> None:
    keys = torch.tensor([3, 4, 5])
    noise = blocks.field(keys, 10, "uniform")
    for number in range(3):
        own = blocks.block_of(10, 3) == number
        assert torch.equal(noise[own], kernels.field(keys[number, None], 10, "uniform")[own])
    assert torch.equal(blocks.field(keys, 2, "uniform"), kernels.field(keys[:1], 2, "uniform"))
    assert torch.equal(hashing.ahead(keys, 0), keys)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
def test_equal_seeds_of_blocks_give_the_noise_of_one_seed(model: Model) -> None:
    windows = (0, 4, 10)
    told = []
    for count in (1, 7):
        seeds = {f"luck_{w}": torch.tensor([[5 + w], [50 + w]]).expand(2, count) for w in range(3)}
        with Worlds(replicates=2), pyro.condition(data=seeds), Seeds("luck", windows, blocks=count):
            run = model.simulate(20)
        told.append(run.state | run.tallies)
    assert all(torch.equal(told[0][name], told[1][name]) for name in told[0])
    different = {f"luck_{w}": seeds[f"luck_{w}"] + torch.arange(7) for w in range(3)}
    with Worlds(replicates=2), pyro.condition(data=different), Seeds("luck", windows, blocks=7):
        run = model.simulate(20)
    assert any(not torch.equal(told[0][name], value) for name, value in run.tallies.items())


def test_sites_have_a_seed_a_block() -> None:
    with pyro.poutine.trace() as trace, Worlds(replicates=4), Seeds("luck", (0, 2), blocks=3):
        event("x", torch.full((9,), 0.5))
        served = allocate("dose", torch.zeros(9, dtype=torch.int64), torch.tensor([4]))
    assert trace.trace.nodes["luck_0"]["value"].shape == (4, 3)
    assert served.sum(-1).tolist() == [4] * 4
    with pyro.poutine.trace() as trace, Seeds("luck", blocks=3):
        assert exogenous("everybody", 1).shape == (1,)
    assert trace.trace.nodes["luck_0"]["value"].shape == (3,)


def test_no_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="blocks is 0"):
        Seeds("luck", blocks=0)
