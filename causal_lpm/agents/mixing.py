"""Mixing between groups by a matrix: everybody meets everybody, ages and places more or less often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from typing import Any

import torch
from torch import Tensor

from causal_lpm.agents.columns import MOST, flags, whole_numbers
from causal_lpm.agents.contacts_by_age import ContactMatrices, checked_matrices
from causal_lpm.agents.layers import Layer, messages
from causal_lpm.agents.ranges.mixing_range import MixingRange
from causal_lpm.kernels import group_sum
from causal_lpm.kernels.one_thread import AllThreads
from causal_lpm.ops.population import Address, own_part
from causal_lpm.validate import hidden, known

__all__ = ["Mixing"]

BLOCK = 64
"""Groups that are added up at a time: few enough to need little memory."""


@dataclass(frozen=True, eq=False, repr=False)
class Mixing(Layer):
    """Contacts by a matrix between groups, such as ages, places, or ages in places; within two groups all are alike.

    An agent of group g receives the sum over groups h of matrix[g, h] * S_h / N_h: its contacts a day with h, times the
    mean of what the N_h agents of h send. So everybody meets everybody a little, also itself, and a Mixing does not say
    who meets whom.

    The sums S_h are exact integers, as in every layer. What follows is one 64-bit product a pair of groups, added up in
    an order that depends on the number of groups alone, and rounded once to float32. So it is the same bit for bit in
    one world or ten, for any number of threads, with every kernel, and in a part of the population. It is a fraction
    and no integer, because contact with one infectious among a million is below the 2**-20 in which messages travel.

    Args:
        group: integers `[agents]`, the number of each agent's group from 0; -1: in no group, meets nobody.
        matrix: `[groups, groups]`, the contacts a day of one agent of the row with those of the column; or several by
            the name of a setting, as in `ContactMatrices`, which add up.

    Raises:
        ValueError: groups that are no integers from -1, or that the matrix does not have; a matrix that is not square
            or has a negative number or NaN; matrices of different groups.

    >>> child = torch.tensor([0, 0, 1, 1, 1, 1])
    >>> Mixing(child, [[6, 2], [1, 4]]).total(torch.tensor([True, False, True, False, False, False]))
    tensor([3.5000, 3.5000, 1.5000, 1.5000, 1.5000, 1.5000])
    """

    group: Tensor
    matrix: InitVar[Any]
    agents: int = field(init=False)
    groups: int = field(init=False)
    seat: Tensor = field(init=False)
    """The group, or the number of groups for those in none, int32 `[agents]`."""
    settings: tuple[str, ...] = field(init=False)
    by_setting: Tensor = field(init=False)
    """Contacts a day with one agent of the column, float64 `[settings, groups, groups]`."""
    weights: Tensor = field(init=False)
    """Of the settings, float64 `[*dims, settings]`."""
    rates: Tensor = field(init=False)
    """Of all settings together, float64 `[*dims, groups, groups]`; gradients flow through the weights."""
    sizes: Tensor = field(init=False)
    """How many agents a group has, int64 `[groups]`."""
    crowding: Tensor = field(init=False)
    """These over the agents of a group who are there today, float64 `[*dims, groups]`."""

    def __post_init__(self, matrix: Any) -> None:
        group = whole_numbers("group", self.group, -1, MOST, people="groups")
        given = matrix.settings if isinstance(matrix, ContactMatrices) else matrix
        matrices = checked_matrices(given if isinstance(given, Mapping) else {"contacts": given})
        groups = len(next(iter(matrices.values())))
        if int(group.max()) >= groups:
            raise ValueError(
                f"there is an agent of group {int(group.max())}, and the matrix is between {groups} groups, 0 to "
                f"{groups - 1}: give the matrix of these groups, or number the groups as it does."
            )
        sizes = torch.bincount(group.long() + 1, minlength=groups + 1)[1:]
        one = torch.where(sizes > 0, 1 / sizes.double(), 0.0)  # nobody is met in an empty group
        by_setting = torch.stack(list(matrices.values())).to(group.device) * one
        weights = torch.ones(len(matrices), dtype=torch.float64, device=group.device)
        group = group.clone()
        seat = group if int(group.min()) >= 0 else torch.where(group < 0, groups, group)
        self._set(group=group, seat=seat, agents=len(group), groups=groups, sizes=sizes)
        self._set(settings=tuple(matrices), by_setting=by_setting, weights=weights, crowding=torch.ones_like(one))
        self._set(rates=_mixed(by_setting, weights))

    @property
    def fractional(self) -> bool:
        return True

    def scaled(self, **weights: Any) -> Mixing:
        """The layer with contacts of some settings times a weight, today and in each world: closures inside of a step.

        Args:
            weights: by setting, a number of at least 0, or a tensor `[*dims, 1]`, such as a policy.

        Raises:
            ValueError: a setting that the layer does not have, a weight below 0 or one an agent.

        >>> two = Mixing(torch.tensor([0, 0]), {"home": [[1.0]], "school": [[4.0]]})
        >>> two.scaled(school=torch.tensor([[1.0], [0.25]])).total(torch.tensor([True, False]))
        tensor([[2.5000, 2.5000],
                [1.0000, 1.0000]])
        """
        for name in weights:
            known("setting", name, self.settings)
        factors = [_weight(name, weights.get(name, 1.0), self.weights) for name in self.settings]
        return self._with(weights=self.weights * torch.cat(torch.broadcast_tensors(*factors), -1))

    def among(self, present: Tensor) -> Mixing:
        """The layer among those who are there today: those of a group who are not are no part of its mean.

        Args:
            present: bool `[*dims, agents]`, such as who is alive; whoever is not must send nothing.

        Raises:
            ValueError: another type or number of agents.

        >>> here = torch.tensor([True, True, False, False])
        >>> Mixing(torch.tensor([0, 0, 0, 0]), [[8.0]]).among(here).total(torch.tensor([1, 0, 0, 0]))
        tensor([4., 4., 4., 4.])
        """
        now = group_sum(flags("present", present, self.agents), self.group, self.groups)
        return self._with(crowding=torch.where(now > 0, self.sizes / now.double(), 0.0))

    def _with(self, **changed: Tensor) -> Mixing:
        layer = object.__new__(Mixing)
        layer.__dict__.update(self.__dict__)
        layer._set(**changed)
        layer._set(rates=_mixed(self.by_setting, layer.weights.detach()) * layer.crowding[..., None, :])
        return layer

    def total(self, x: Tensor) -> Tensor:
        """What each agent receives `[*dims, agents]`, float32 or the type of x if that is a float."""
        if hidden(x):
            raise ValueError(
                "a Mixing multiplies sums by fractions, which is not done on shares of a secret: give a private run "
                "Groups or a Graph, or tally by group."
            )
        x = messages(self, x)
        fractions = x.is_floating_point()
        sums = group_sum(x.double() if fractions else x, self.group, self.groups).double()
        with AllThreads():  # groups squared, however few agents there are
            product: Tensor = _Product.apply(sums, self.weights, self)  # type: ignore[no-untyped-call]
        received = product.to(x.dtype if fractions else torch.float32)
        everybody: Tensor = _OfMembers.apply(received, self.seat)  # type: ignore[no-untyped-call]
        return everybody

    def of_range(self, address: Address) -> MixingRange:
        """See `Layer.of_range`; only sums of groups travel."""
        return MixingRange(own_part(self.group), own_part(self.seat), self.groups, self._between)

    def _between(self, group: Tensor, seat: Tensor) -> Mixing:
        """The same mixing between other agents, in groups of the same sizes."""
        layer = object.__new__(Mixing)
        layer.__dict__.update(self.__dict__)
        layer._set(group=group, seat=seat, agents=len(group))
        return layer

    def degree(self) -> Tensor:
        contacts = _product(_mixed(self.by_setting, self.weights), self.sizes.double()).float()
        everybody: Tensor = _OfMembers.apply(contacts, self.seat)  # type: ignore[no-untyped-call]
        return everybody


def _weight(name: str, value: Any, like: Tensor) -> Tensor:
    """The weight as float64 `[*dims, 1]`."""
    weight = torch.as_tensor(value, dtype=like.dtype, device=like.device)
    weight = weight if weight.dim() else weight.reshape(1)
    if weight.shape[-1] != 1 or not bool((weight.detach() >= 0).all()):
        raise ValueError(
            f"the weight of setting {name!r} is {value!r}: give a number of at least 0, or a tensor of such, "
            "[*dims, 1], that is the same for all agents."
        )
    return weight


def _mixed(by_setting: Tensor, weights: Tensor) -> Tensor:
    """The settings added up in their order, `[*dims, groups, groups]`."""
    rates = weights[..., :1, None] * by_setting[0]
    for number in range(1, len(by_setting)):
        rates = rates + weights[..., number : number + 1, None] * by_setting[number]
    return rates


def _product(rates: Tensor, sums: Tensor) -> Tensor:
    """The matrix times the sums `[*dims, groups]`, rounded alike wherever it is computed.

    A product of torch adds up in an order that depends on the machine, the threads and what else is multiplied. Here
    the terms of a block are added to those half a block away until one is left, and the blocks in their order.
    """
    total: Tensor | None = None
    for first in range(0, sums.shape[-1], BLOCK):
        terms = rates[..., first : first + BLOCK] * sums[..., None, first : first + BLOCK]
        while (width := terms.shape[-1]) > 1:
            half = width // 2
            added = terms[..., :half] + terms[..., half : 2 * half]
            terms = torch.cat((added, terms[..., 2 * half :]), -1) if width % 2 else added
        total = terms[..., 0] if total is None else total + terms[..., 0]
    assert total is not None  # a matrix has at least one group
    return total


class _Product(torch.autograd.Function):
    """The product above as one node: torch would keep each of its halvings, and go back through all of them.

    The derivative by the weight of a setting is what that setting alone would send, one number a group: no matrix is
    made for it in a backward pass.
    """

    @staticmethod
    def forward(ctx: Any, sums: Tensor, weights: Tensor, layer: Mixing) -> Tensor:
        each = None
        if ctx.needs_input_grad[1]:
            each = _product(layer.by_setting, (sums * layer.crowding)[..., None, :])  # [*dims, settings, groups]
        ctx.save_for_backward(layer.rates, each)
        ctx.shapes = sums.shape, weights.shape
        return _product(layer.rates, sums)

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> tuple[Tensor | None, ...]:
        rates, each = ctx.saved_tensors
        by_sum = (gradient[0][..., None, :] @ rates)[..., 0, :] if ctx.needs_input_grad[0] else None
        by_weight = None if each is None else (gradient[0][..., None, :] * each).sum(-1)
        return (
            None if by_sum is None else by_sum.sum_to_size(ctx.shapes[0]),
            None if by_weight is None else by_weight.sum_to_size(ctx.shapes[1]),
            None,
        )


class _OfMembers(torch.autograd.Function):
    """Each agent's group's value, 0 in no group; its gradient is the exact sum over the group."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, seat: Tensor) -> Tensor:
        ctx.seat, ctx.groups = seat, values.shape[-1]
        return torch.nn.functional.pad(values, (0, 1)).index_select(-1, seat)

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> tuple[Tensor | None, ...]:
        return group_sum(gradient[0], ctx.seat, ctx.groups + 1)[..., : ctx.groups], None
