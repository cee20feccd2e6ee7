"""The message sum of a large population model: what each agent receives from its contacts."""

import functools
import math
from collections.abc import Callable, Mapping
from typing import TypeAlias, overload

import torch

from causal_lpm.kernels.multiples import in_units, of_units
from causal_lpm.kernels.quick_mode import without_quick_mode
from causal_lpm.kernels.whole_sums import SMALL, exact_total, known_small, largest
from causal_lpm.ops.number_types import numbers
from causal_lpm.ops.population import join_ranges, population
from causal_lpm.ops.pyro_stack import effectful
from causal_lpm.typing import Network
from causal_lpm.validate import hidden, unique_entries

__all__ = ["FIXED_POINT", "checked_size", "exposure", "from_fixed_point", "sums", "to_fixed_point"]

Layers: TypeAlias = Mapping[str, Network]
Sums: TypeAlias = dict[str, torch.Tensor]
Total: TypeAlias = Callable[[Network, torch.Tensor], torch.Tensor]

FIXED_POINT = 2**20
"""Messages are multiples of 1/FIXED_POINT: sums of integers do not depend on their order."""

_BEYOND = 2**63 / FIXED_POINT
"""Floats from here on have no fixed point in int64."""


def to_fixed_point(x: torch.Tensor) -> torch.Tensor:
    """Floats below 2**43 as int64 multiples of 1/FIXED_POINT.

    >>> import torch
    >>> to_fixed_point(torch.tensor([0.5, 1.0]))
    tensor([ 524288, 1048576])
    """
    wide = x if x.dtype in (torch.float32, torch.float64) else x.float()  # float16 ends at 65504
    return in_units(wide, FIXED_POINT)


def from_fixed_point(total: torch.Tensor) -> torch.Tensor:
    """The float32 value of integer sums, rounded once: float32 has 24 bits."""
    return of_units(total, FIXED_POINT)


def checked_size(infectiousness: torch.Tensor) -> float:
    """The largest absolute message, in units of the sums, or 0 if none can overflow; handlers that answer call it.

    Raises:
        ValueError: NaN, infinity, or a float that has no fixed point.
    """
    if hidden(infectiousness):  # it has public bounds, and each party has checked its own rows
        return 0
    if not infectiousness.is_floating_point():
        # Sums of smaller types cannot overflow.
        return largest(infectiousness) if infectiousness.dtype == torch.int64 else 0
    size = largest(infectiousness)
    if not size < math.inf:
        raise ValueError("infectiousness contains NaN or infinity: look for a division by zero in what it is made of.")
    if size >= _BEYOND:
        raise ValueError(f"infectiousness reaches {size:.4g}: floats end at 2**43, send it in larger units.")
    return size * FIXED_POINT


def sums(
    layers: Layers,
    infectiousness: torch.Tensor,
    total: Total = lambda layer, x: layer.total(x),
    given: float | None = None,
) -> Sums:
    """The exposure by name of the layer, where a handler sums small messages in another way.

    Args:
        layers: Name -> network.
        infectiousness: As in `exposure`.
        total: Sums messages, bool or int64, over a layer.
        given: What `checked_size` says of all agents, where only some are here.
    """
    size, fractions = checked_size(infectiousness) if given is None else given, infectiousness.is_floating_point()
    if fractions:
        x = to_fixed_point(infectiousness)
    else:
        x = infectiousness if infectiousness.dtype == torch.bool else infectiousness.long()

    def received(whole: torch.Tensor) -> torch.Tensor:
        return from_fixed_point(whole) if fractions else whole.float()  # multiples of 1/FIXED_POINT, or counts

    if size < SMALL:
        with known_small():
            return {name: received(total(layer, x)) for name, layer in layers.items()}
    whole: Total = (lambda layer, x: layer.total(x)) if given is None else total
    return {name: received(_total_of_large(layer, x, whole)) for name, layer in layers.items()}


def _total_of_large(layer: Network, x: torch.Tensor, total: Total) -> torch.Tensor:
    if getattr(layer, "fractional", False):  # it has no halves to put together, and sums exactly before it multiplies
        return total(layer, x)
    what = "infectiousness over contacts (in units of 2**-20, if it is a float)"
    return exact_total(functools.partial(total, layer), x, what)


@effectful(type="exposure")
def _exposure(layers: Layers, infectiousness: torch.Tensor) -> Sums:
    return sums(layers, infectiousness)


@overload
def exposure(network: Network, infectiousness: torch.Tensor) -> torch.Tensor: ...


@overload
def exposure(network: Mapping[str, Network], infectiousness: torch.Tensor) -> dict[str, torch.Tensor]: ...


@without_quick_mode
def exposure(
    network: Network | Mapping[str, Network], infectiousness: torch.Tensor
) -> torch.Tensor | dict[str, torch.Tensor]:
    """The sum of infectiousness over each agent's contacts.

    Messages are fixed-point integers, so that the sum is the same for any order, thread count, world, device or secret
    sharing: float sums differ in the last bit, and one infection that flips on it changes hundreds of others later.

    Args:
        network: A network layer, a sum of layers, or named layers to be summed apart. Where a process
            holds a part of the population, a layer still connects all agents, or is the `part` of one that does.
        infectiousness: bool, integer or float `[*dims, agents]`; floats are rounded to multiples of 2**-20.

    Returns:
        float32 `[*dims, agents]`, or one a name: the exact sum, rounded once.

    Raises:
        ValueError: the last dimension is not the network's number of agents; NaN or infinity; a message or a sum beyond
            2**63, in units of 2**-20 for floats; two fresh layers of one name, which would share their noise.

    >>> import torch
    >>> from causal_lpm.agents import Groups
    >>> exposure(Groups(torch.tensor([0, 0, 0, 1])), torch.tensor([True, True, False, True]))
    tensor([1., 1., 2., 0.])
    """
    infectiousness = numbers("infectiousness", infectiousness)
    layers = network if isinstance(network, Mapping) else {"": network}
    unique_entries("fresh network", [n for layer in layers.values() for n in getattr(layer, "noise_names", ())])
    here = population(infectiousness.shape[-1])
    for layer in layers.values():
        if layer.agents != here.total:
            raise ValueError(
                f"infectiousness has shape {tuple(infectiousness.shape)} but the network connects {layer.agents} "
                "agents: give one value an agent in the last dimension."
            )
    if here.is_part:
        infectiousness = join_ranges(infectiousness)
    totals: Sums = _exposure(layers, infectiousness)
    if here.is_part:
        for name, total in totals.items():
            if total.shape[-1] != here.here:  # the network has summed for everybody
                totals[name] = total.narrow(-1, here.first, here.here)
    return totals if isinstance(network, Mapping) else totals[""]
