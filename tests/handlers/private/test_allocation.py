"""Who is served does not depend on how large the supply might have been."""

import pytest
import torch

from causal_lpm import KeyedNoise, allocate
from causal_lpm.handlers.private.secret import Secret
from tests.handlers.private.runs import Party, secret, with_parties

AGENTS = 300


@pytest.mark.parametrize("bound", [2**20, 2**33, 2**40])
def test_the_bound_of_a_supply_plays_no_part(bound: int) -> None:
    priority = torch.arange(AGENTS).remainder(5).to(torch.uint8)
    with KeyedNoise(3):
        clear = allocate("dose", priority, torch.tensor([70]))

    def run(party: Party) -> bool:
        supply = secret(party.layer, torch.tensor([70]), low=0, high=bound)
        assert isinstance(supply, Secret)
        with KeyedNoise(3), party.private():
            served = allocate("dose", party.share(priority, 0, 9), supply)
        assert isinstance(served, Secret)
        (opened,) = party.layer.open(served.share)
        return torch.equal(opened.bool(), clear)

    assert all(with_parties(3, AGENTS, run))
