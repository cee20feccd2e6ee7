"""Which agents this process holds, and what it needs of those that other processes hold.

One process usually holds everybody. A handler may say that it holds a range of a larger population: agents are then
numbered through all ranges, have the noise of their number, and what concerns all of them, such as who is served when
supply is short, is computed from what the ranges hand each other. Which ranges there are, and how they communicate,
only the handler knows.
"""

import functools
from dataclasses import dataclass

import torch

from causal_lpm.ops.pyro_stack import effectful
from causal_lpm.ops.step import running_step

__all__ = [
    "Address",
    "bounds_of_ranges",
    "hold",
    "join_ranges",
    "own_part",
    "population",
    "sum_over_ranges",
    "swap",
]


CPU = torch.device("cpu")


@dataclass(frozen=True)
class Address:
    """The agents that a process holds: `first` to `first + here - 1` of `total`.

    Args:
        first: Number of the first agent held here.
        here: How many are held here.
        total: How many there are in all.
        device: Where they are.

    Raises:
        ValueError: a range outside of the population; one agent of several, whose noise could not be told from a number
            that all agents share.

    >>> Address(500, 500, total=1000).is_part
    True
    """

    first: int
    here: int
    total: int
    device: torch.device = CPU

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.total - self.here:
            raise ValueError(
                f"a process holds {self.here} agents from number {self.first} on, of {self.total}: give a range within "
                "the population."
            )
        if self.here == 1 < self.total:
            raise ValueError(
                f"a process holds agent {self.first} alone, of {self.total}: give each process two agents or more."
            )

    @property
    def is_part(self) -> bool:
        """Whether other processes hold further agents."""
        return self.here < self.total


@effectful(type="population")
def population(agents: int | None = None, /) -> Address:
    """The agents that this process holds, everybody unless a handler says otherwise.

    A handler of ranges changes what is answered: `msg["value"] = replace(msg["value"], first=500, total=1000)` in its
    `_pyro_post_population`, where `here` is the number of its agents. It leaves other numbers as they are: values that
    are not one an agent (one for everybody, one a region) are held whole by every range.

    Args:
        agents: How many values the caller has, one an agent; None: as many as there are agents in the running step.

    Raises:
        ValueError: asked without a number outside of steps.

    >>> population(3)
    Address(first=0, here=3, total=3, device=device(type='cpu'))
    """
    if agents is not None:
        return _whole(agents)
    step = running_step()
    if step is None or step.largest is None:
        raise ValueError(
            "the number of agents is known only inside a rollout: give a hazard of shape [*dims, agents], "
            "for example hazard.expand(agents)."
        )
    return _whole(step.largest.shape[-1], step.largest.device)


@functools.lru_cache(maxsize=64)
def _whole(agents: int, device: torch.device = CPU) -> Address:
    """The address of a process that holds everybody, made once."""
    return Address(0, agents, agents, device)


@effectful(type="sum_over_ranges")
def sum_over_ranges(part: torch.Tensor) -> torch.Tensor:
    """The sum of `part` over all ranges, of the same shape; `part` itself where one process holds everybody.

    >>> sum_over_ranges(torch.tensor([3, 4]))
    tensor([3, 4])
    """
    return part


@effectful(type="join_ranges")
def join_ranges(part: torch.Tensor) -> torch.Tensor:
    """The values of all agents `[*dims, total]`, from `[*dims, here]` of this range; `part` itself where it has all.

    >>> join_ranges(torch.tensor([True, False]))
    tensor([ True, False])
    """
    return part


@effectful(type="hold")
def hold(column: torch.Tensor) -> torch.Tensor:
    """A column with one value an agent `[*dims, agents]`, of which a process may keep its own part; itself by default.

    Whoever keeps a part answers with a tensor that is whole to its user.

    >>> hold(torch.tensor([3, 4]))
    tensor([3, 4])
    """
    return column


@effectful(type="own_part")
def own_part(column: torch.Tensor) -> torch.Tensor:
    """Of a column of all agents `[*dims, total]`, the part of those held here `[*dims, here]`; itself by default.

    >>> own_part(torch.tensor([3, 4]))
    tensor([3, 4])
    """
    return column


@effectful(type="bounds_of_ranges")
def bounds_of_ranges(total: int, /) -> list[int]:
    """The first agent of each range, and how many agents there are.

    >>> bounds_of_ranges(100)
    [0, 100]
    """
    return [0, total]


@effectful(type="swap")
def swap(parcels: list[torch.Tensor]) -> list[torch.Tensor]:
    """What each range has for this one, in their order, where `parcels` are what this one has for each of them.

    Args:
        parcels: Bytes, uint8 `[n]` each, of any length; its own comes back to a range.

    >>> swap([torch.tensor([7], dtype=torch.uint8)])
    [tensor([7], dtype=torch.uint8)]
    """
    return parcels
