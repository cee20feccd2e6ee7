"""Contacts drawn anew each day from one exogenous 64-bit key: the same in every world, and never stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from causal_lpm.agents.columns import MOST, shortly, whole_numbers
from causal_lpm.agents.layers import Layer, RangeLayer, messages, stretches
from causal_lpm.agents.ranges.ring_range import RingRange
from causal_lpm.agents.ranges.stub_range import StubRange
from causal_lpm.kernels import ring_edges, ring_total, stub_total
from causal_lpm.kernels.hashing import permutation
from causal_lpm.kernels.ranges import has_ring_range
from causal_lpm.ops.exogenous import exogenous
from causal_lpm.ops.population import Address, own_part

__all__ = ["FreshRandom", "FreshWattsStrogatz"]


@dataclass(frozen=True, eq=False, repr=False)
class FreshWattsStrogatz(Layer):
    """One small world a class, drawn afresh each day: workplaces by occupation, schools by year.

    The members of a class stand on a ring in the order of their numbers, every day the same; which edges are rewired,
    and to whom, is drawn anew (see `causal_lpm.kernels.ring_total`).

    Two rewired edges can join the same two agents, who then meet twice on that day: on average about
    (degree * rewire / 2)**2 pairs a class and day, whatever its size. So can opposite members of a class whose degree
    is above its size - 2.

    Args:
        classes: integers `[agents]`, the class of each agent from 0; -1: in no class.
        degree_by_class: float32 `[number of classes]`, expected degree, at most class size - 1.
        rewire: probability that an edge is rewired.
        name: of the exogenous key; one name a layer, since two layers of one name would be drawn alike.

    Raises:
        ValueError: a class without a degree, a NaN or negative degree, one above class size - 1, rewire outside [0, 1].

    >>> import pyro
    >>> pyro.set_rng_seed(1)
    >>> school = FreshWattsStrogatz(torch.zeros(50).int(), torch.tensor([4.0]), rewire=0.1, name="school")
    >>> int(school.total(torch.ones(50, dtype=torch.int64)).sum())
    200
    """

    classes: Tensor
    degree_by_class: Tensor
    rewire: float
    name: str
    agents: int = field(init=False)
    start: Tensor = field(init=False)
    size: Tensor = field(init=False)

    def __post_init__(self) -> None:
        degree = torch.as_tensor(self.degree_by_class)
        if degree.dim() != 1 or bool(~(degree >= 0).all()):
            raise ValueError(f"degree_by_class is {shortly(degree)}: give one number >= 0 a class.")
        classes = whole_numbers(
            "classes", self.classes, lowest=-1, highest=degree.shape[0] - 1, people="classes"
        ).clone()
        if not 0.0 <= self.rewire <= 1.0:
            raise ValueError(f"rewire is {self.rewire}: a probability must be between 0 and 1.")
        size = torch.bincount(classes.long() + 1, minlength=degree.shape[0] + 1)[1:]
        degree = degree.to(size.device, torch.float32, copy=True)
        if bool((too_large := (degree > size - 1) & (size > 0)).any()):
            c = int(too_large.nonzero()[0])
            raise ValueError(
                f"class {c} has {int(size[c])} members and degree {float(degree[c]):g}: "
                "a degree is at most class size - 1."
            )
        self._set(classes=classes, degree_by_class=degree, agents=classes.shape[0])
        self._set(start=size.cumsum(0) - size, size=size)

    @cached_property
    def order(self) -> Tensor:
        """The members by class and number, int32 `[members]`; made when it is asked for."""
        none = self.agents - int(self.size.sum())
        return torch.argsort(self.classes, stable=True)[none:].int()

    @property
    def ring(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """order, start, size and half degree, as `causal_lpm.kernels.ring_total` takes them."""
        return self.order, self.start, self.size, self.degree_by_class / 2

    def total(self, x: Tensor) -> Tensor:
        return ring_total(messages(self, x), _today(self.name, x), *self.ring, self.rewire)

    def of_range(self, address: Address) -> RangeLayer:
        """See `Layer.of_range`; what members send travels where it changes, and what is sent to those elsewhere."""
        if not has_ring_range(self.classes):
            return super().of_range(address)
        return RingRange(own_part(self.classes), self.degree_by_class / 2, address, self.rewire, self.name)

    def contacts(self, agents: Tensor, rows: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        def edges(key: Tensor) -> tuple[Tensor, Tensor]:
            src, dst, exists = ring_edges(key, *self.ring, self.rewire)
            return src[exists], dst[exists]

        return _contacts_of_today(self, edges, agents, rows, dims)

    def met(self, who: Tensor) -> Tensor:
        return self.total(who) > 0  # anybody may be rewired to them: all edges are looked at, which sums do fast

    def degree(self) -> Tensor:
        return torch.where(self.classes < 0, 0.0, self.degree_by_class[self.classes.clamp(min=0).long()])


@dataclass(frozen=True, eq=False, repr=False)
class FreshRandom(Layer):
    """Chance meetings, drawn afresh each day, from given numbers of stubs.

    Stubs are paired blindly, so that two agents can meet twice on a day, and an agent itself, which does not count.
    With q = sum(stubs * (stubs - 1)) / sum(stubs), about (q / 2)**2 pairs a day meet once more and q / 2 stub pairs are
    lost, whatever the size of the population; with `chain` five and two times as many.

    Args:
        stubs: integers `[agents]`, >= 0, half-edges of each agent.
        chain: edges between every two consecutive stubs of a random sequence, about two contacts a stub, instead of the
            usual pairing, one contact a stub.
        name: of the exogenous key; one name a layer, since two layers of one name would be drawn alike.

    Raises:
        ValueError: negative stubs, no agents, 2**31 stubs or more.

    >>> import pyro
    >>> pyro.set_rng_seed(1)
    >>> FreshRandom(torch.tensor([1, 1, 0]), name="bus").total(torch.tensor([1, 2, 4]))
    tensor([2, 1, 0])
    """

    stubs: Tensor
    chain: bool = False
    name: str = "random"
    agents: int = field(init=False)

    def __post_init__(self) -> None:
        stubs = whole_numbers("stubs", self.stubs, lowest=0).clone()
        count = int(stubs.sum())
        if count > MOST:
            raise ValueError(f"there are {count} stubs: at most 2**31 - 1 are possible.")
        self._set(stubs=stubs, agents=stubs.shape[0])

    # Made when they are asked for: a process that holds a part of the agents needs no more than its own.
    @cached_property
    def owner(self) -> Tensor:
        """The agent of each stub, int32 `[stubs]`."""
        return torch.repeat_interleave(
            torch.arange(self.agents, dtype=torch.int32, device=self.stubs.device), self.stubs
        )

    @cached_property
    def first(self) -> Tensor:
        """Where each agent's stubs begin, int64 `[agents + 1]`."""
        first = torch.zeros(self.agents + 1, dtype=torch.int64, device=self.stubs.device)
        first[1:] = self.stubs.cumsum(0)
        return first

    def total(self, x: Tensor) -> Tensor:
        return stub_total(messages(self, x), _today(self.name, x), self.owner, self.first, self.chain)

    def of_range(self, address: Address) -> StubRange:
        """See `Layer.of_range`; what is sent to agents of another range travels."""
        return StubRange(own_part(self.stubs), address, self.chain, self.name)

    def contacts(self, agents: Tensor, rows: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        stubs = self.owner.shape[0]
        key = _today(self.name, agents)[..., 0].expand(dims).reshape(-1)[rows]
        place, stub = stretches(self.first[agents], self.stubs[agents].long())
        at = permutation(key[place], stub, stubs, inverse=True)  # where in today's sequence each stub stands
        if self.chain:  # between the one before and the one after it
            place, beside = torch.cat([place, place]), torch.cat([at - 1, at + 1])
            there = (beside >= 0) & (beside < stubs)
        else:
            beside = at ^ 1
            there = torch.maximum(at, beside) < stubs // 2 * 2
        place, beside = place[there], beside[there]
        other = self.owner[permutation(key[place], beside, stubs)].long()
        apart = other != agents[place]
        return place[apart], other[apart]

    def degree(self) -> Tensor:
        m = self.owner.shape[0]
        if m < 2:
            return torch.zeros(self.agents, device=self.stubs.device)
        edges = m - 1 if self.chain else m // 2
        # Each of these edges joins a uniform pair of different stubs; pairs of one agent's own do not count.
        own = self.stubs.double()
        return (own * (m - own) * edges / (m * (m - 1) / 2)).float()


def _today(name: str, x: Tensor) -> Tensor:
    """The key of today's graph, int64 `[*draws, 1]`: exogenous, so the same in every world."""
    return exogenous(name, 1, kind="bits").to(x.device)


def _contacts_of_today(
    layer: FreshWattsStrogatz,
    edges: Callable[[Tensor], tuple[Tensor, Tensor]],
    agents: Tensor,
    rows: Tensor,
    dims: tuple[int, ...],
) -> tuple[Tensor, Tensor]:
    """See `Layer.contacts`; `edges` makes those of a key, which is the same in every world."""
    keys = _today(layer.name, agents)[..., 0].expand(dims).reshape(-1)
    made: dict[int, tuple[Tensor, Tensor]] = {}
    found = [(agents[:0], agents[:0])]
    for row in rows.unique().tolist():
        key = keys[row]
        if int(key) not in made:
            made[int(key)] = edges(key.reshape(1))
        here = (rows == row).nonzero()[:, 0]
        place = torch.full((layer.agents,), -1, device=agents.device)
        place[agents[here]] = here
        for one, other in (made[int(key)], made[int(key)][::-1]):
            own = place[one]
            found.append((own[own >= 0], other[own >= 0]))
    return torch.cat([place for place, _ in found]), torch.cat([other for _, other in found])
