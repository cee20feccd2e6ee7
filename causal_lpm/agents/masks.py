"""Masks: who wears one passes less on, and catches less."""

from dataclasses import dataclass, field

import torch

from causal_lpm import validate
from causal_lpm.agents.naming import named
from causal_lpm.agents.timed_policies import TimedPolicy
from causal_lpm.ops.exogenous import exogenous
from causal_lpm.typing import State

__all__ = ["Masks"]


@dataclass(frozen=True)
class Masks(TimedPolicy):
    """A share of the agents, the strength, wears masks from one day to another.

    Who wears one follows from a willingness that each agent has from the start: a greater share is the same agents and
    some more.

    Args:
        outward: Share of what a wearer sends that the mask holds back.
        inward: Share of what a wearer would receive that it holds back.

    Raises:
        ValueError: a share outside [0, 1].

    >>> masks = Masks(strength=1.0, outward=0.5, start_day=0)
    >>> s = {**masks.start(2), "t": torch.tensor(0.0)}
    >>> masks.sending(s)
    tensor([0.5000, 0.5000])
    """

    name: str = "masks"
    outward: float = field(default=0.5, kw_only=True)
    inward: float = field(default=0.3, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        validate.probability("outward", self.outward)
        validate.probability("inward", self.inward)

    def start(self, agents: int) -> State:
        """The policies, and each agent's reluctance: `{name}_reluctance`, float32 `[*replicates, agents]`."""
        reluctance = named(self.name, "reluctance")
        return {**self.policies(), reluctance: exogenous(reluctance, agents, "uniform")}

    def worn(self, s: State) -> torch.Tensor:
        """Who wears a mask today, bool `[*dims, agents]`."""
        return s[named(self.name, "reluctance")] <= self.now(s)

    def sending(self, s: State) -> torch.Tensor:
        """What is left of what each agent sends, float32 `[*dims, agents]`."""
        return 1 - self.outward * self.worn(s).float()

    def receiving(self, s: State) -> torch.Tensor:
        """What is left of what each agent receives, float32 `[*dims, agents]`."""
        return 1 - self.inward * self.worn(s).float()
