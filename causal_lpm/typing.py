"""The vocabulary of shapes and types that every other module speaks.

Agents are always the last dimension of a tensor. To its left stand named dimensions (worlds, draws, replicates) that
the handlers allocate; `*dims` in a docstring means any of them. A state is a flat dictionary of tensors
`[*dims, agents]`, or `[*dims, 1]` for what all agents share, such as a policy.
"""

from collections.abc import Callable, Mapping
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import torch

__all__ = ["Dynamics", "Hazard", "IncrementalNetwork", "Network", "NoiseKind", "State"]

State: TypeAlias = dict[str, torch.Tensor]
"""What the population is now: name -> `[*dims, agents or 1]`, without event dimensions."""

Dynamics: TypeAlias = Callable[[State], Mapping[str, torch.Tensor]]
"""One step of time: a state (with the extra entry `t`, in days) -> the next state."""

Hazard: TypeAlias = torch.Tensor | float
"""Rate integrated over one step, dimensionless: an event happens with probability 1 - exp(-hazard)."""

NoiseKind: TypeAlias = Literal["exponential", "uniform", "gumbel", "normal", "bits"]
"""Exp(1), Uniform(0, 1), Gumbel(0, 1), Normal(0, 1) as float32, or 64 raw bits as int64."""


@runtime_checkable
class Network(Protocol):
    """Who meets whom: anything with a number of agents and a sum over contacts."""

    @property
    def agents(self) -> int:
        """The number of agents that the network connects."""
        ...

    def total(self, x: torch.Tensor) -> torch.Tensor:
        """The sum of the contacts' messages, `[*dims, agents]` -> `[*dims, agents]`.

        bool -> int32 and int64 -> int64 always, or float32 where the network has an attribute `fractional` that is
        true; for gradients also floats -> floats of that type, differentiable. Where
        a process holds a part of the population, the sums may be those of its agents alone.
        """
        ...


@runtime_checkable
class IncrementalNetwork(Network, Protocol):
    """A network that stays the same, so that a sum can follow the messages that changed since the last one.

    A class that defines `total` anew defines `changed_total` too, or its sums are computed from all messages each time.
    """

    def changed_total(self, total: torch.Tensor, before: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """`total` of the messages `before`, brought up to date with `x` in place; all of one shape."""
        ...
