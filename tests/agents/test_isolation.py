import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm import KeyedNoise, rollout
from causal_lpm.agents import Isolation
from causal_lpm.typing import State

AGENTS, DAYS = 30, 12


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**30), length=st.integers(1, 5), begin=st.integers(0, 6), end=st.integers(4, 12))
def test_it_is_that_of_a_diary(seed: int, length: int, begin: int, end: int) -> None:
    g = torch.Generator().manual_seed(seed)
    enter, leave = (torch.rand(DAYS, AGENTS, generator=g) < p for p in (0.2, 0.1))
    isolation, seen = Isolation(days=length, start_day=begin, end_day=end, strength=0.5), []

    def day(s: State) -> State:
        t = int(s["t"])
        changed, inside = isolation.day(s, enter[t], leave=leave[t])
        seen.append((isolation.inside(s).tolist(), inside.tolist(), isolation.contacts_left(s, inside).tolist()))
        return {**s, **changed}

    with KeyedNoise(seed):
        rollout(day, isolation.start(AGENTS), DAYS)
    until = [0] * AGENTS
    for t, (before, inside, left) in enumerate(seen):
        assert before == [until[agent] > t for agent in range(AGENTS)]
        for agent in range(AGENTS):
            if leave[t, agent]:
                until[agent] = min(until[agent], t)
            elif enter[t, agent] and begin <= t < end:
                until[agent] = t + length
        assert inside == [until[agent] > t for agent in range(AGENTS)]
        assert left == [0.5 if in_ and begin <= t < end else 1.0 for in_ in inside]


def test_bad_isolation_is_refused() -> None:
    with pytest.raises(ValueError, match="days of quarantine is 0"):
        Isolation(days=0)
    with pytest.raises(ValueError, match="break_probability is 2"):
        Isolation(break_probability=2)
    with pytest.raises(ValueError, match=r"leave is torch\.float32"):
        Isolation().day({**Isolation().start(2), "t": torch.tensor(0.0)}, torch.ones(2) > 0, leave=torch.ones(2))
