"""Who is served does not depend on how large the supply might have been."""

import pytest
import torch

from causal_lpm import KeyedNoise, Unsupported, allocate
from causal_lpm.handlers.private.secret import Secret
from causal_lpm.handlers.private.sharing import reveal
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


@pytest.mark.parametrize("parties", [1, 2])
@pytest.mark.parametrize("wide", [True, False])
def test_any_supply_serves_those_of_the_plain_run(parties: int, wide: bool) -> None:
    classes = [0, 3, 3, 255, 256, 300] if wide else [0, 3, 3, 7]
    priority = torch.tensor(classes).repeat(2, 20)
    agents = priority.shape[-1]
    supplies = [-7, 0, 1, 20, 21, 60, 80, agents, 10**6]

    def run(party: Party) -> None:
        mine = party.share(priority) if wide else party.share(priority, 0, 9)
        for number in supplies:
            supply = torch.tensor([[number], [number + 13]])
            with KeyedNoise(3):
                clear = allocate("dose", priority, supply)
            halves = secret(
                party.layer, supply.double(), low=-(2**30), high=2**41
            )  # whole, with digits after the point
            for given in (supply, secret(party.layer, supply, low=-(2**20), high=2**21), halves):
                with KeyedNoise(3), party.private():
                    served = allocate("dose", mine, given)
                assert torch.equal(reveal(served), clear), number

    with_parties(parties, agents, run)


@pytest.mark.parametrize(("supply", "sentence"), [(2.5, "is 2.5: give a whole number"), (float("nan"), "is nan")])
def test_a_supply_that_the_plain_run_refuses_is_refused(supply: float, sentence: str) -> None:
    def run(party: Party) -> None:
        with party.private(), pytest.raises(ValueError, match=sentence):
            allocate("dose", party.share(torch.zeros(4, dtype=torch.int64)), supply)

    with_parties(2, 4, run)


@pytest.mark.parametrize("parties", [1, 2])
def test_stocks_of_public_groups_serve_those_of_the_plain_run(parties: int) -> None:
    priority, by = torch.tensor([0, 3, 3, 7, 300]).repeat(2, 8), torch.arange(40) % 4 - 1
    stocks = torch.tensor([[3, 0, 40], [1, 9, 2]])
    with KeyedNoise(3):
        clear = allocate("dose", priority, stocks, by=by)

    def run(party: Party) -> None:
        mine = party.share(priority)
        for given in (stocks, secret(party.layer, stocks, low=0, high=2**21)):
            with KeyedNoise(3), party.private():
                served = allocate("dose", mine, given, by=by)
            assert torch.equal(reveal(served), clear)
        with party.private(), pytest.raises(ValueError, match="a stock of allocation 'dose' is -3: give"):
            allocate("dose", mine, -stocks, by=by)
        with party.private(), pytest.raises(ValueError, match="has 3 stocks and an agent of group 3"):
            allocate("dose", mine, stocks, by=by + 1)
        for groups in (secret(party.layer, by, low=-1, high=3), by.expand(2, 40)):
            with party.private(), pytest.raises(Unsupported, match="groups that are secret or differ by row: give"):
                allocate("dose", mine, stocks, by=groups)
        with (
            party.private(),
            pytest.raises(Unsupported, match="public priorities beside secrets: share the priorities"),
        ):
            allocate("dose", priority, secret(party.layer, stocks), by=by)

    with_parties(parties, 40, run)
