"""What data a site may be given: numbers of its distribution's own shape that the distribution can give."""

from typing import Any

import numpy as np
import pyro.distributions as dist
import torch
from chirho.indexed.ops import IndexSet, gather, indices_of
from pyro.poutine.enum_messenger import EnumMessenger
from pyro.poutine.runtime import get_plates
from torch.distributions import constraints

from causal_lpm.ops.dimensions import index_plates, world_dimensions
from causal_lpm.ops.pyro_stack import innermost
from causal_lpm.ops.responses import Response

__all__ = ["data_for"]


def data_for(name: str, fn: dist.TorchDistribution, data: Any, in_all_worlds: bool = False) -> torch.Tensor:
    """`data` as a tensor that is one observation of `fn`.

    Replicates, draws and worlds may be missing: data are repeated along them. All other dimensions of `fn` must be
    there, because one series for several groups would be counted once a group.

    Args:
        name: Name of the site, for the message.
        fn: Distribution of the site.
        data: A tensor, an array, a list or a number.
        in_all_worlds: Whether data may have the worlds of `fn`, one value for each.

    Returns:
        int64 or floating point, on the device of `fn`.

    Raises:
        ValueError: data that are not numbers; NaN; data that differ by world; another shape than that of `fn`; a number
            that `fn` cannot give.

    >>> data_for("cases", dist.Poisson(torch.ones(3)), [2, 0, 1])
    tensor([2, 0, 1])
    >>> data_for("cases", dist.Poisson(torch.ones(3)), [2, 0, -1])
    Traceback (most recent call last):
    ValueError: the data of site 'cases' are -1 at position [2], outside of IntegerGreaterThan(lower_bound=0): ...
    """
    numbers = data if isinstance(data, torch.Tensor) else _tensor(name, fn, data)
    if isinstance(fn, Response):
        return numbers  # it checks data of agents itself
    numbers = _in_a_type_of_densities(name, fn, numbers)
    _check_worlds(name, fn, numbers, in_all_worlds)
    _check_shape(name, fn, numbers)
    if bool(numbers.isnan().any()):
        raise ValueError(
            f"the data of site {name!r} contain NaN: mask the distribution where a number is missing and put any "
            "possible one there, as in observed(name, fn.mask(present).to_event(1), torch.where(present, data, 0))."
        )
    _check_support(name, fn, numbers)
    return numbers


def _tensor(name: str, fn: dist.TorchDistribution, data: Any) -> torch.Tensor:
    array = np.asarray(data)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"the data of site {name!r} are {array.dtype} in a {type(data).__name__}: give numbers.")
    numbers = torch.tensor(array)
    return numbers.to(_parameter(fn, torch.empty(())).dtype) if numbers.is_floating_point() else numbers


def _in_a_type_of_densities(name: str, fn: dist.TorchDistribution, data: torch.Tensor) -> torch.Tensor:
    """The data in a type that computes right: unsigned integers wrap, bool has no sums, half precision is too low."""
    if data.is_complex():
        raise ValueError(f"the data of site {name!r} are {data.dtype}: give real numbers.")
    parameter = _parameter(fn, torch.empty((), device=data.device))
    whole = not data.is_floating_point() and data.dtype != torch.bool and _support(fn) is not constraints.boolean
    dtype = (
        torch.int64 if whole else torch.promote_types(data.dtype, torch.promote_types(parameter.dtype, torch.float32))
    )
    return data.to(parameter.device, dtype)


def _parameter(fn: Any, otherwise: torch.Tensor) -> torch.Tensor:
    """A floating parameter of the distribution: on its device, of its precision."""
    for value in vars(fn).values():
        if isinstance(value, torch.distributions.Distribution):
            return _parameter(value, otherwise)
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            return value
    return otherwise


def _support(fn: dist.TorchDistribution) -> Any:
    """The support of one element of the distribution, without what `to_event` puts around it; None where unknown."""
    try:
        support = fn.support
    except NotImplementedError:
        return None
    while isinstance(support, constraints.independent):
        support = support.base_constraint
    return support


def _check_worlds(name: str, fn: dist.TorchDistribution, data: torch.Tensor, allowed: bool) -> None:
    given = indices_of(data, event_dim=fn.event_dim).keys() & world_dimensions().keys()
    if given and not (allowed and given == indices_of(fn).keys() & world_dimensions().keys()):
        raise ValueError(
            f"the data of site {name!r} have shape {tuple(data.shape)}, and so one value for each world of "
            f"{min(given)!r}: what was observed belongs to the factual world; give it without that dimension."
        )


def _check_shape(name: str, fn: dist.TorchDistribution, data: torch.Tensor) -> None:
    plates = {plate.dim: plate.size for plate in get_plates() if plate.dim is not None}
    named = {plate.dim for plate in index_plates().values()}
    enumerated = innermost(EnumMessenger) is not None
    cut = max(data.dim() - fn.event_dim, 0)
    rank = max(cut, len(fn.batch_shape), -min(plates, default=0))
    given = (1,) * (rank - cut) + data.shape[:cut]
    alone = (1,) * (rank - len(fn.batch_shape)) + fn.batch_shape
    own = tuple(plates.get(place - rank, size) for place, size in enumerate(alone))

    def fits(place: int) -> bool:
        if place - rank in named:
            return 1 in (given[place], own[place]) or given[place] == own[place]
        # Left of agents and groups there may be plates of samples and, where no handler names dimensions, replicates. A
        # number without dimensions is meant for all of a plate.
        left, plate = place < rank - 1, place - rank in plates
        repeated = (left and (plate or enumerated or not named)) or (plate and data.dim() == 0)
        return given[place] == own[place] or (repeated and given[place] == 1)

    if data.shape[cut:] != fn.event_shape or not all(map(fits, range(rank))):
        raise ValueError(
            f"the data of site {name!r} have shape {tuple(data.shape)} and its distribution {(*own, *fn.event_shape)}: "
            "give all of its numbers, less replicates, draws and worlds; what is observed together, as the days of a "
            "series, belongs to the event (.to_event(1))."
        )


def _check_support(name: str, fn: dist.TorchDistribution, data: torch.Tensor) -> None:
    support = _support(fn)
    if support is None or support is constraints.dependent:
        return
    possible = support.check(data) & _all_of_event(data.isfinite(), support.event_dim)
    worlds = world_dimensions().keys() - indices_of(data, event_dim=fn.event_dim).keys()
    # Only the factual world must be able to give the number.
    factual = IndexSet(**{world: {0} for world in worlds})
    possible = gather(possible, factual, event_dim=fn.event_dim - support.event_dim)
    if not bool(possible.all()):
        place = tuple((~possible).nonzero()[0].tolist())
        row = data.expand(torch.broadcast_shapes(data.shape, possible.shape + (1,) * support.event_dim))[place]
        raise ValueError(
            f"the data of site {name!r} are {row.tolist()} at position {list(place)}, outside of {support}: correct "
            "the data, or take a distribution that can give them."
        )


def _all_of_event(finite: torch.Tensor, event_dim: int) -> torch.Tensor:
    return finite.flatten(-event_dim).all(-1) if event_dim else finite
