import torch

from causal_lpm import KeyedNoise, Seeds, exposure, rollout
from causal_lpm.agents import EarlierDays, FreshRandom, FreshWattsStrogatz, Groups, Layer
from causal_lpm.typing import State

AGENTS, DAYS, BACK = 30, 6, 2


def test_contacts_of_earlier_days_are_those_over_which_was_summed() -> None:
    """Under both kinds of noise, with replicates; fixed contacts are there once."""
    home = Groups(torch.arange(AGENTS) // 4)
    bus = FreshRandom(torch.arange(AGENTS) % 3, name="bus")
    school = FreshWattsStrogatz(torch.arange(AGENTS) % 2, torch.tensor([3.0, 4.0]), 0.3, "school")
    earlier, x = EarlierDays(home + bus + school, BACK), 2 ** torch.arange(AGENTS)
    pasts: list[tuple[torch.Tensor, torch.Tensor]] = []

    def day(s: State) -> State:
        t = int(s["t"])
        who = torch.rand(AGENTS, generator=torch.Generator().manual_seed(t)) < 0.1
        met = earlier.met(s, who)
        for row in range(len(met) if met.dim() > 1 else 1):
            expected = set((home.total(who) > 0).nonzero()[:, 0].tolist())
            for past in pasts[max(t - BACK, 0) :]:
                expected |= {
                    agent
                    for sums in past
                    for agent in range(AGENTS)
                    if int(sums.reshape(-1, AGENTS)[row, agent]) & int(x[who].sum())
                }
            assert set(met.reshape(-1, AGENTS)[row].nonzero()[:, 0].tolist()) == expected
        pasts.append((bits_met(bus, x), bits_met(school, x)))
        assert torch.equal(exposure(bus, who), bus.total(who).float())
        return {**s, **earlier.remembering(s)}

    def simulate() -> None:
        pasts.clear()
        rollout(day, {**earlier.start(), "agent": x}, DAYS)
        assert len(pasts) == DAYS

    with KeyedNoise(torch.tensor([[1], [2]])):
        simulate()
    assert not torch.equal(pasts[0][0][0], pasts[0][0][1])
    with Seeds("noise"):
        simulate()


def bits_met(layer: Layer, x: torch.Tensor) -> torch.Tensor:
    """Whom each agent meets today, one bit an agent; int64 `[*replicates, agents]`."""
    found = torch.zeros((), dtype=torch.int64)
    for bit in x:
        found = found | torch.where(layer.total(x == bit) > 0, bit, 0)
    return found


def test_fixed_layers_need_no_memory() -> None:
    assert EarlierDays(Groups(torch.zeros(3).int()), 5).start() == {}
