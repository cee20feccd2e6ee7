"""Who infected an agent: what each contact adds to the hazard of the infection, and one of them drawn by it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from causal_lpm.inference.individuals.transmission_tree import OUTSIDE
from causal_lpm.kernels import hashing
from causal_lpm.ops.exogenous import exogenous
from causal_lpm.ops.exposure import FIXED_POINT
from causal_lpm.typing import Network

__all__ = ["Infected", "Sum", "at", "derivatives", "infectors"]

TOLERANCE = 1e-4
"""The share of a hazard that may be missing from its parts: hazards are computed in float32."""


@dataclass
class Sum:
    """An exposure of the running step.

    Attributes:
        network: Over which it sums.
        sent: The messages, `[*dims, agents]`.
        received: The sums `[*dims, agents]`, whose way into a hazard is watched.
    """

    network: Network
    sent: Tensor
    received: Tensor


@dataclass
class Infected:
    """Who was infected in the running step.

    Attributes:
        event: Name of the event.
        dims: Sizes of the dimensions left of the agents.
        row: int64 `[infections]`, number among all of `dims`, flattened.
        agent: int64 `[infections]`.
        number: int64 `[infections]`, how often the agent had been infected before.
    """

    event: str
    dims: torch.Size
    row: Tensor
    agent: Tensor
    number: Tensor

    def of(self, value: Tensor) -> Tensor:
        """Their elements of `[*dims or fewer, agents]`, float64."""
        return at(value, self.dims, self.row, self.agent).double()


def at(value: Tensor, dims: torch.Size, row: Tensor, agent: Tensor) -> Tensor:
    """The elements of `[*dims or fewer, agents]` that belong to agents in rows."""
    return value.expand(*dims, value.shape[-1]).reshape(-1, value.shape[-1])[row, agent]


def derivatives(event: str, hazard: Tensor, sums: Sequence[Sum]) -> list[Tensor | None]:
    """The derivative of each agent's hazard by each of its exposures, `[*dims, agents]`; None of those not in it.

    Raises:
        ValueError: a derivative that changes with an exposure.
    """
    if not hazard.requires_grad:
        return [None for _ in sums]
    with torch.enable_grad():
        # Backward twice is forward once: an exposure may have fewer dimensions than the hazard.
        u = torch.zeros_like(hazard, requires_grad=True)
        leaves = [each.received for each in sums]
        found: list[Tensor | None] = []
        for back in torch.autograd.grad(hazard, leaves, u, create_graph=True, allow_unused=True):
            if back is None or not back.requires_grad:
                found.append(None)
                continue
            (slope,) = torch.autograd.grad(back, u, torch.ones_like(back), create_graph=True)
            _refuse_curved(event, slope, leaves)
            found.append(slope.detach())
    return found


def _refuse_curved(event: str, slope: Tensor, leaves: Sequence[Tensor]) -> None:
    changes = (
        torch.autograd.grad(slope.sum(), leaves, retain_graph=True, allow_unused=True) if slope.requires_grad else ()
    )
    if any(change is not None and bool((change != 0).any()) for change in changes):
        raise ValueError(
            f"the hazard of event {event!r} is no sum of its exposures, each times a number, so that contacts have no "
            "parts in it: give the hazard itself, and not a probability made of it."
        )


def infectors(
    infected: Infected, hazard: Tensor, sums: Iterable[tuple[Sum, Tensor | None]], importation: bool
) -> Tensor:
    """The infector of each, drawn in proportion to what contacts add to the hazard; int64 `[infections]`.

    Args:
        infected: Who was infected.
        hazard: `[*dims, agents]`.
        sums: The exposures of the step, with the derivative of the hazard by each.
        importation: Whether a part may come from outside.

    Raises:
        ValueError: see `Transmissions`.
    """
    agents, everybody = hazard.shape[-1], torch.arange(len(infected.row), device=hazard.device)
    whole = infected.of(hazard)
    rest, parts = whole.clone(), [(everybody[:0], everybody[:0], whole[:0])]  # place, contact, its part
    watched = False
    for each, slope in sums:
        watched = True
        if slope is None or not len(everybody):
            continue
        received = infected.of(slope) * infected.of(each.received.detach())
        parts.append(_parts(infected, each, infected.of(slope), received))
        rest -= received
    _check_rest(infected, rest, whole, importation or not watched)
    # The number after the last agent stands for outside.
    parts.append((everybody, torch.full_like(everybody, agents), torch.where(rest > TOLERANCE * whole, rest, 0.0)))
    place, contact, part = (torch.cat(column) for column in zip(*parts, strict=True))
    pair, same = torch.unique(place * (agents + 1) + contact, return_inverse=True)  # who meets in two layers
    part = torch.zeros(len(pair), dtype=torch.float64, device=pair.device).index_add_(0, same, part)
    chosen = _first(infected, pair // (agents + 1), pair % (agents + 1), part)
    return torch.where(chosen == agents, OUTSIDE, chosen)


def _parts(infected: Infected, each: Sum, slope: Tensor, received: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Place of the infected, number of a contact, and what it adds to the hazard."""
    known = getattr(each.network, "contacts", None)
    if known is None:
        raise ValueError(
            f"a {type(each.network).__name__} does not say who meets whom: give it a method contacts, as "
            "causal_lpm.agents.Layer has it, or another network."
        )
    place, contact = known(infected.agent, infected.row, tuple(infected.dims))
    sent = at(each.sent, infected.dims, infected.row[place], contact).double()
    part = slope[place] * (sent * FIXED_POINT).round() / FIXED_POINT  # as exposures round it
    total = torch.zeros_like(received).index_add_(0, place, part)
    if bool(((total - received).abs() > TOLERANCE * received.abs()).any()):
        raise ValueError(
            f"the contacts of {type(each.network).__name__} do not add up to its sums: record transmissions inside of "
            "keyed noise, and with networks whose contacts are those that they sum over."
        )
    return place, contact, part


def _check_rest(infected: Infected, rest: Tensor, whole: Tensor, importation: bool) -> None:
    """What does not come from contacts."""
    if bool((rest < -TOLERANCE * whole).any()) or not bool(rest.isfinite().all()):
        raise ValueError(
            f"the exposures of event {infected.event!r} add up to more than its hazard, or it is infinite: where "
            "something is taken away from a sum, or caps it, contacts have no parts; multiply instead."
        )
    over = rest > TOLERANCE * whole
    if not importation and bool(over.any()):
        raise ValueError(
            f"{float((rest / whole)[over][0]):.0%} of the hazard of event {infected.event!r} of agent "
            f"{int(infected.agent[over][0])} does not come from contacts: give importation=True if infections come "
            "from outside, too."
        )


def _first(infected: Infected, place: Tensor, contact: Tensor, part: Tensor) -> Tensor:
    """The contact of each whose exponential clock, of the rate of its part, is the first.

    A clock goes by infectee, number of the infection and contact. So another world with other hazards has the same
    infector, unless that one has gone, or another one has become more infectious.
    """
    zero = torch.zeros(1, dtype=torch.int64, device=part.device)
    key: Any = exogenous(f"{infected.event}_infector", 1, "bits", index=zero)  # by number, and so without the day
    own = key[..., 0].expand(infected.dims).reshape(-1)[infected.row]
    own = hashing.mix(hashing.bits(own, infected.agent) + infected.number)
    time = torch.where(part > 0, -hashing.uniform(hashing.bits(own[place], contact)).log() / part, torch.inf)
    order = torch.argsort(time, stable=True)
    order = order[torch.argsort(place[order], stable=True)]
    begins = torch.searchsorted(place[order], torch.arange(len(infected.row), device=place.device))
    return contact[order[begins]]
