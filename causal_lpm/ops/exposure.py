"""The message sum of a large population model: what each agent receives from its contacts."""

from collections.abc import Mapping
from typing import overload

import torch
from pyro.poutine.runtime import effectful

from causal_lpm.typing import Network
from causal_lpm.validate import unique_entries

__all__ = ["FIXED_POINT", "exposure", "from_fixed_point", "received", "to_fixed_point"]

FIXED_POINT = 2**20
"""Messages are multiples of 1/FIXED_POINT: sums of integers do not depend on their order."""


def to_fixed_point(x: torch.Tensor) -> torch.Tensor:
    """Floats as int64 multiples of 1/FIXED_POINT.

    >>> import torch
    >>> to_fixed_point(torch.tensor([0.5, 1.0]))
    tensor([ 524288, 1048576])
    """
    return (x * FIXED_POINT).round().long()  # a power of two: exact in any float


def from_fixed_point(total: torch.Tensor) -> torch.Tensor:
    """The float32 value of integer sums."""
    return total.float().mul_(1 / FIXED_POINT)  # a power of two: as exact as dividing, and faster


def received(total: torch.Tensor, infectiousness: torch.Tensor) -> torch.Tensor:
    """What integer sums of messages mean, float32: multiples of 1/FIXED_POINT, or counts where no fraction was sent."""
    return from_fixed_point(total) if infectiousness.is_floating_point() else total.float()


# The messages are what the network sums: bool as it is, whole numbers as int64, floats in fixed point.
@effectful(type="exposure")
def _exposure(network: Network, infectiousness: torch.Tensor, messages: torch.Tensor) -> torch.Tensor:
    return received(network.total(messages), infectiousness)


@overload
def exposure(network: Network, infectiousness: torch.Tensor) -> torch.Tensor: ...


@overload
def exposure(network: Mapping[str, Network], infectiousness: torch.Tensor) -> dict[str, torch.Tensor]: ...


def exposure(
    network: Network | Mapping[str, Network], infectiousness: torch.Tensor
) -> torch.Tensor | dict[str, torch.Tensor]:
    """The sum of infectiousness over each agent's contacts.

    Messages are fixed-point integers, so that the sum is the same for any order, thread count, world, device or secret
    sharing: float sums differ in the last bit, and one infection that flips on it changes hundreds of others later.

    Args:
        network: A network layer, a sum of layers, or named layers to be summed apart.
        infectiousness: bool, integer or float `[*dims, agents]`; floats are rounded to multiples of 2**-20.

    Returns:
        float32 `[*dims, agents]`, or one a name.

    Raises:
        ValueError: the last dimension is not the network's number of agents; NaN or infinity; two fresh layers of one
            name, which would share their luck.

    >>> import torch
    >>> from causal_lpm.agents.networks import Groups
    >>> exposure(Groups(torch.tensor([0, 0, 0, 1])), torch.tensor([True, True, False, True]))
    tensor([1., 1., 2., 0.])
    """
    layers = network if isinstance(network, Mapping) else {"": network}
    unique_entries("fresh network", [n for layer in layers.values() for n in getattr(layer, "noise_names", ())])
    for layer in layers.values():
        if infectiousness.shape[-1:] != (layer.agents,):
            raise ValueError(
                f"infectiousness has shape {tuple(infectiousness.shape)} but the network connects {layer.agents} "
                "agents: give one value an agent in the last dimension."
            )
    if infectiousness.is_floating_point() and not all(x.isfinite() for x in torch.aminmax(infectiousness)):
        raise ValueError("infectiousness contains NaN or infinity: look for a division by zero in what it is made of.")
    if infectiousness.is_floating_point():
        messages = to_fixed_point(infectiousness)
    else:
        messages = infectiousness if infectiousness.dtype == torch.bool else infectiousness.long()
    totals: dict[str, torch.Tensor] = {
        name: _exposure(layer, infectiousness, messages) for name, layer in layers.items()
    }
    return totals if isinstance(network, Mapping) else totals[""]
