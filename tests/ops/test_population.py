"""Which agents a process holds, and what it asks of those that hold the others."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from pyro.poutine.messenger import Messenger

from causal_lpm import KeyedNoise, allocate, event, exogenous, exposure, population, rollout, tally
from causal_lpm.agents import Vaccination
from causal_lpm.agents.networks import Groups
from causal_lpm.ops.population import Address, join_ranges, sum_over_ranges
from causal_lpm.typing import State


class Middle(Messenger):
    """Holds the agents 3 to 5 of 10, of whom the others do and send nothing."""

    def _pyro_post_population(self, msg: Any) -> None:
        if msg["value"].here == 3:
            msg["value"] = replace(msg["value"], first=3, total=10)

    def _pyro_join_ranges(self, msg: Any) -> None:
        (part,) = msg["args"]
        none = part.new_zeros((*part.shape[:-1], 1))
        msg["value"], msg["done"] = torch.cat([none.expand(3), part, none.expand(4)], -1), True


def test_one_process_holds_everybody() -> None:
    asked = []

    def day(s: State) -> State:
        asked.append(population())
        return s

    rollout(day, {"x": torch.zeros(7)}, 1)
    assert asked == [population(7)] == [Address(0, 7, total=7)]
    assert not asked[0].is_part
    assert [x.tolist() for x in (sum_over_ranges(torch.ones(2)), join_ranges(torch.ones(2)))] == [[1, 1], [1, 1]]
    with pytest.raises(ValueError, match="known only inside a rollout: give a hazard of shape"):
        population()


@pytest.mark.parametrize(
    ("first", "here", "total", "message"),
    [
        (-1, 3, 10, "holds 3 agents from number -1 on, of 10: give a range within the population"),
        (8, 3, 10, "holds 3 agents from number 8 on, of 10"),
        (8, 1, 10, "holds agent 8 alone, of 10: give each process two agents or more"),
    ],
)
def test_a_range_lies_within_the_population(first: int, here: int, total: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Address(first, here, total)


def test_only_what_has_a_value_an_agent_goes_by_the_agents_number() -> None:
    with KeyedNoise(7):
        whole, regions, shared = exogenous("x", 10), exogenous("x", 4), exogenous("x", 1)
        happened, one = event("e", whole), event("f", torch.ones(1).expand(10))
    with Middle(), KeyedNoise(7):
        assert torch.equal(exogenous("x", 3), whole[3:6])
        assert torch.equal(exogenous("x", 4), regions)
        assert torch.equal(exogenous("x", 1), shared)
        assert torch.equal(event("e", whole[3:6]), happened[3:6])
        assert torch.equal(event("f", torch.ones(1).expand(3)), one[3:6])


def test_the_supply_is_for_everybody_and_contacts_are_among_all() -> None:
    with Middle(), KeyedNoise(7):
        assert int(allocate("dose", torch.zeros(3, dtype=torch.int64), 9).sum()) == 3
        assert int(allocate("again", torch.tensor([0, 1, 300]), 1).sum()) == 1
        assert exposure(Groups(torch.arange(10) // 5), torch.tensor([1, 2, 4])).tolist() == [2.0, 1.0, 0.0]
        assert tally("x", torch.tensor([True, True, False])).tolist() == [2]
        with pytest.raises(ValueError, match=r"infectiousness has shape \(3,\) but the network connects 3 agents"):
            exposure(Groups(torch.zeros(3, dtype=torch.int64)), torch.ones(3))


def test_doses_a_day_are_of_the_whole_population() -> None:
    policies = {"vaccination": 1.0, "vaccination_start": 0.0, "doses_per_day": 60_000.0, "t": 3.0}
    state = {name: torch.tensor([value]) for name, value in policies.items()}
    with Middle():
        assert int(Vaccination._delivered(state, 3)) == 6
    assert int(Vaccination._delivered(state, 10)) == 6
