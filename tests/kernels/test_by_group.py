"""Hazards by group are the hazards of the agents, to the bit."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm import kernels
from causal_lpm.kernels.by_group import happens_by_group

AGENTS = 3000


@settings(max_examples=30, deadline=None)
@given(
    groups=st.integers(1, 20),
    worlds=st.integers(1, 3),
    share=st.sampled_from([None, 0.0, 0.03, 0.6]),
    wide=st.booleans(),
    in_order=st.booleans(),
    seed=st.integers(0, 99),
)
def test_it_is_the_event_of_each_agent_with_the_hazard_of_its_group(
    groups: int, worlds: int, share: float | None, wide: bool, in_order: bool, seed: int
) -> None:
    g = torch.Generator().manual_seed(seed)
    group = torch.randint(0, groups, (AGENTS,), generator=g, dtype=torch.int64 if wide else torch.int32)
    group = group.sort().values if in_order else group  # then whole blocks of agents are of one group
    keys = torch.tensor([[seed], [seed + 1]])
    hazard = torch.rand(worlds, 1, groups, generator=g) * (torch.rand(groups, generator=g) < 0.8)
    # Hazards that are the noise of an agent are where a limit may be off by one.
    hazard[0, 0, 0] = kernels.field(keys, AGENTS, "exponential")[0, group == 0][:1].sum()
    where = None if share is None else torch.rand(worlds, 1, AGENTS, generator=g) < share
    for key in (keys, keys[0], torch.tensor(seed)):
        expected = kernels.happens(hazard[..., group.long()], key, where)
        assert torch.equal(happens_by_group(hazard, group, key, where), expected)
        with kernels.use("reference"):
            assert torch.equal(happens_by_group(hazard, group, key, where), expected)
    alone, asked = hazard[0, 0], None if where is None else where[0, 0]  # one row has a loop of its own
    expected = kernels.happens(alone[group.long()], torch.tensor(seed), asked)
    assert torch.equal(happens_by_group(alone, group, torch.tensor(seed), asked), expected)


@pytest.mark.parametrize("wrong", [-1.0, torch.nan])
@pytest.mark.parametrize("agents", [100, AGENTS])  # hazards of agents, or of groups, are looked at
@pytest.mark.parametrize("keys", [torch.tensor(1), torch.tensor([[1], [2]])])
def test_a_wrong_hazard_is_refused_of_a_group_that_has_agents(wrong: float, agents: int, keys: torch.Tensor) -> None:
    group, hazard = torch.zeros(agents, dtype=torch.int32), torch.tensor([0.5, wrong])
    group[-1] = 1
    with pytest.raises(ValueError, match="hazard"):
        happens_by_group(hazard, group, keys, check=True)
    group[-1] = 0  # now it is the hazard of nobody
    expected = kernels.happens(hazard[group.long()], keys)
    assert torch.equal(happens_by_group(hazard, group, keys, check=True), expected)
