"""Places for agents: a population has as many as it may ever hold, and whoever comes fills one that is empty.

So agents stay the last dimension of everything, on every day and in every world. Luck belongs to the place and the day:
claims about somebody who is born in one world and not in the other have no meaning, and totals have.
"""

from collections.abc import Mapping

import numpy as np
import torch

from causal_lpm import validate
from causal_lpm.agents.columns import shortly
from causal_lpm.agents.population import Population
from causal_lpm.ops.allocate import CLASSES, allocate
from causal_lpm.ops.exogenous import exogenous
from causal_lpm.ops.looking import check
from causal_lpm.ops.population import population, sum_over_ranges
from causal_lpm.ops.step import running_step, step_length
from causal_lpm.typing import State

__all__ = ["fill", "renew", "with_places"]


def with_places(people: Population, capacity: int) -> Population:
    """The same agents and empty places behind them, told apart by the attribute `alive`.

    An empty place has the attributes of an agent, taken evenly over the population: so each region and household size
    has its share of them, and a network that is made of the attributes has the places in it. Its age is 0.

    Args:
        people: The agents who are there on day 0.
        capacity: Places in all, at least as many as agents.

    Raises:
        ValueError: a capacity below the number of agents, or that is not a whole number; an attribute `alive` already.

    >>> places = with_places(Population({"age": torch.tensor([34, 71]), "region": torch.tensor([0, 1])}), capacity=4)
    >>> places["alive"], places["region"], places["age"]
    (tensor([ True,  True, False, False]), tensor([0, 1, 0, 1]), tensor([34, 71,  0,  0]))
    """
    if "alive" in people:
        raise ValueError("the population has an attribute 'alive' already: its places are given once.")
    capacity = validate.whole_number("capacity", capacity)
    if capacity < people.size:
        raise ValueError(f"the capacity is {capacity} for {people.size} agents: give at least one place an agent.")
    validate.fits_in_memory(f"{capacity} places", 8.0 * (len(people.attributes) + 1) * capacity)
    empty = capacity - people.size
    like = torch.arange(empty, device=people.device) * people.size // max(1, empty)
    columns = {name: torch.cat([value, value[like]]) for name, value in people.attributes.items()}
    alive = torch.arange(capacity, device=people.device) < people.size
    if "age" in columns:
        columns["age"] = torch.where(alive, columns["age"], torch.zeros_like(columns["age"]))
    return Population({**columns, "alive": alive}, people.labels)


def fill(
    name: str, empty: torch.Tensor, wanted: torch.Tensor, by: torch.Tensor | None = None, groups: int | None = None
) -> torch.Tensor:
    """Which empty places are filled: as many as wanted, by each place's luck of today.

    With more wanted, the same places are filled and some more.

    Args:
        name: Of the noise; once a step.
        empty: bool `[*dims, places]`.
        wanted: How many are to be filled, whole numbers `[*dims, 1]`, or `[*dims, groups]` with `by`.
        by: Group of each place, integers `[places]` from 0: newcomers of a group fill its own places; -1: never filled.
        groups: How many groups there are, with `by`.

    Returns:
        bool `[*dims, places]`.

    Raises:
        ValueError: more wanted than there are empty places; `by` without `groups`; groups where a process holds a part
            of the population.

    >>> import pyro
    >>> pyro.set_rng_seed(0)
    >>> fill("birth", torch.tensor([False, True, True]), torch.tensor([2]))
    tensor([False,  True,  True])
    """
    if wanted.is_floating_point() or wanted.dtype == torch.bool:
        raise ValueError(f"the numbers of newcomers are {wanted.dtype}: give whole numbers (.floor().long()).")
    places, wanted = empty.shape[-1], wanted.long()
    if by is None:
        room = sum_over_ranges(how_many(empty))
        _check_room(wanted, room, population(places).total, "")
        return allocate(name, (~empty).to(torch.int16) * CLASSES, wanted)
    if groups is None or by.shape != (places,) or wanted.shape[-1] != groups:
        raise ValueError(
            f"the {places} places to fill have groups of shape {tuple(by.shape)}, {groups} in all, and "
            f"{wanted.shape[-1]} numbers of newcomers: give each place a group, and each group a number."
        )
    if population(places).is_part:
        raise ValueError("places are filled by group where one process holds everybody: leave the groups out.")
    # Only empty places are sorted: by row and group, and by luck within each.
    dims = np.broadcast_shapes(empty.shape[:-1], wanted.shape[:-1])
    luck = exogenous(name, places, "uniform")
    dims = np.broadcast_shapes(dims, luck.shape[:-1])
    rows, place = empty.expand(*dims, places).reshape(-1, places).nonzero(as_tuple=True)
    inside = by[place] >= 0
    rows, place = rows[inside], place[inside]
    cell = rows * groups + by[place].long()
    wanted = wanted.expand(*dims, groups).reshape(-1)
    room = torch.bincount(cell, minlength=wanted.numel())
    _check_room(wanted, room, places, " of a group")
    order = luck.expand(*dims, places).reshape(-1, places)[rows, place].argsort(stable=True)
    order = order[cell[order].argsort(stable=True)]
    cell = cell[order]
    rank = torch.arange(len(cell), device=cell.device) - (room.cumsum(0) - room)[cell]
    chosen = order[rank < wanted[cell]]
    filled = torch.zeros(*dims, places, dtype=torch.bool, device=empty.device)
    filled.view(-1, places)[rows[chosen], place[chosen]] = True
    return filled


def how_many(who: torch.Tensor) -> torch.Tensor:
    """How many there are in each row, int64 `[*dims, 1]`; a sum of bool would take ten times as long.

    >>> how_many(torch.tensor([True, False, True]))
    tensor([2])
    """
    return torch.count_nonzero(who, -1)[..., None]


def _check_room(wanted: torch.Tensor, room: torch.Tensor, places: int, which: str) -> None:
    def sentence() -> str:
        newcomers, left = torch.broadcast_tensors(wanted, room)
        most = int((newcomers - left).argmax())
        step = running_step()
        day = "" if step is None else f"on day {step.number * step_length():g}, "
        return (
            f"{day}{int(newcomers.flatten()[most])} newcomers find {int(left.flatten()[most])} empty places{which}, of "
            f"{places} places in all: give a larger capacity, as in with_places(people, capacity={2 * places})."
        )

    check((wanted, room), lambda: bool((wanted <= room).all()), sentence)


def renew(s: State, where: torch.Tensor, values: Mapping[str, torch.Tensor | float]) -> State:
    """The entries in `values` as they are for newcomers in these places: what a place's last agent had is gone.

    Name every entry that an agent has: one that is left out, such as who is vaccinated, stays as the last agent had it.

    Args:
        s: State.
        where: bool `[*dims, places]`: the places that were filled today.
        values: Name of an entry -> its value for a newcomer, a number or `[*dims, places]`.

    Raises:
        ValueError: an entry that the state does not have, a value that its type does not hold.

    >>> s = {"stage": torch.tensor([2, 1], dtype=torch.uint8), "alive": torch.tensor([True, True])}
    >>> renew(s, torch.tensor([True, False]), {"stage": 0})
    {'stage': tensor([0, 1], dtype=torch.uint8)}
    """
    for entry in values:
        validate.known("entry of the state", entry, s)
    fresh = {
        entry: _fitting(entry, torch.as_tensor(value, device=where.device), s[entry]) for entry, value in values.items()
    }
    return {entry: torch.where(where, value, s[entry]) for entry, value in fresh.items()}


def _fitting(entry: str, value: torch.Tensor, old: torch.Tensor) -> torch.Tensor:
    """The value in the type of the entry; refused where that would make another whole number of it."""
    fitted = value.to(old.dtype)
    if not old.is_floating_point():
        check(
            (value,),
            lambda: torch.equal(fitted.to(value.dtype), value),
            lambda: (
                f"{entry!r} is {old.dtype}, which does not hold {shortly(value)}: give newcomers another value, or "
                "begin with an entry of another type."
            ),
        )
    return fitted
