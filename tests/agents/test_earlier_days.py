import torch

from causal_lpm import KeyedNoise, Seeds, exposure, rollout
from causal_lpm.agents import EarlierDays, FreshRandom, FreshWattsStrogatz, Groups
from causal_lpm.typing import State

AGENTS, DAYS, BACK = 30, 6, 2


def test_contacts_of_earlier_days_are_those_over_which_was_summed() -> None:
    """Under both kinds of noise, with replicates; fixed contacts are there once."""
    home = Groups(torch.arange(AGENTS) // 4)
    bus = FreshRandom(torch.arange(AGENTS) % 3, name="bus")
    school = FreshWattsStrogatz(torch.arange(AGENTS) % 2, torch.tensor([3.0, 4.0]), 0.3, "school")
    earlier, rows, x = EarlierDays(home + bus + school, BACK), 2, 2 ** torch.arange(AGENTS)
    sums: list[torch.Tensor] = []
    everybody = torch.arange(AGENTS).repeat(rows)
    row = torch.arange(rows).repeat_interleave(AGENTS)

    def day(s: State) -> State:
        place, other = earlier.contacts(s, everybody, row, (rows,))
        found = torch.zeros(rows * AGENTS, dtype=torch.int64).index_add_(0, place, x[other])
        expected = sum(sums[max(int(s["t"]) - BACK, 0) :], home.total(x).expand(rows, AGENTS))
        assert torch.equal(found.reshape(rows, AGENTS), expected)
        sums.append((bus.total(x) + school.total(x)).expand(rows, AGENTS))
        assert torch.equal(exposure(bus, x > 0), bus.total(x > 0).float())
        return {**s, **earlier.remembering(s)}

    with KeyedNoise(torch.tensor([[1], [2]])):
        rollout(day, {**earlier.start(), "agent": x}, DAYS)
    assert len(sums) == DAYS
    assert not torch.equal(sums[0][0], sums[0][1])
    sums.clear()
    with Seeds("noise"):
        rollout(day, {**earlier.start(), "agent": x}, DAYS)


def test_fixed_layers_need_no_memory() -> None:
    assert EarlierDays(Groups(torch.zeros(3).int()), 5).start() == {}
