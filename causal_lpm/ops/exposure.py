"""The message sum of a large population model: what each agent receives from its contacts."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import overload

import torch
from pyro.poutine.runtime import effectful

from causal_lpm.kernels.whole_sums import SMALL, exact_total, known_small, largest
from causal_lpm.ops.number_types import numbers
from causal_lpm.typing import Network
from causal_lpm.validate import unique_entries

__all__ = ["FIXED_POINT", "exposure", "from_fixed_point", "received", "to_fixed_point"]

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
    return (wide * FIXED_POINT).round().long()  # a power of two: exact


def from_fixed_point(total: torch.Tensor) -> torch.Tensor:
    """The float32 value of integer sums, rounded once: float32 has 24 bits."""
    return total.float().mul_(1 / FIXED_POINT)  # a power of two: as exact as dividing, and faster


def received(total: torch.Tensor, infectiousness: torch.Tensor) -> torch.Tensor:
    """What integer sums of messages mean, float32: multiples of 1/FIXED_POINT, or counts where no fraction was sent."""
    return from_fixed_point(total) if infectiousness.is_floating_point() else total.float()


@dataclass(frozen=True)
class _Wide:
    """A network that gets messages so large that a sum of them may be beyond int64."""

    network: Network

    @property
    def agents(self) -> int:
        return self.network.agents

    def total(self, x: torch.Tensor) -> torch.Tensor:
        """As the network's, refused where a whole number does not fit."""
        if x.is_floating_point():
            return self.network.total(x)
        return exact_total(self.network.total, x, "infectiousness over contacts (in units of 2**-20, if it is a float)")


def _messages(infectiousness: torch.Tensor) -> tuple[torch.Tensor, float]:
    """What the network sums: bool as it is, whole numbers as int64, floats in fixed point; and the largest of them."""
    if infectiousness.is_floating_point():
        size = largest(infectiousness)
        if not size < math.inf:
            raise ValueError(
                "infectiousness contains NaN or infinity: look for a division by zero in what it is made of."
            )
        if size >= _BEYOND:
            raise ValueError(f"infectiousness reaches {size:.4g}: floats end at 2**43, send it in larger units.")
        return to_fixed_point(infectiousness), size * FIXED_POINT
    if infectiousness.dtype == torch.bool:
        return infectiousness, 1
    # Only 64 bits hold numbers that are worth the look.
    return infectiousness.long(), largest(infectiousness) if infectiousness.dtype == torch.int64 else 0


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
        float32 `[*dims, agents]`, or one a name: the exact sum, rounded once.

    Raises:
        ValueError: the last dimension is not the network's number of agents; NaN or infinity; a message or a sum beyond
            2**63, in units of 2**-20 for floats; two fresh layers of one name, which would share their luck.

    >>> import torch
    >>> from causal_lpm.agents.networks import Groups
    >>> exposure(Groups(torch.tensor([0, 0, 0, 1])), torch.tensor([True, True, False, True]))
    tensor([1., 1., 2., 0.])
    """
    infectiousness = numbers("infectiousness", infectiousness)
    layers = network if isinstance(network, Mapping) else {"": network}
    unique_entries("fresh network", [n for layer in layers.values() for n in getattr(layer, "noise_names", ())])
    for layer in layers.values():
        if infectiousness.shape[-1:] != (layer.agents,):
            raise ValueError(
                f"infectiousness has shape {tuple(infectiousness.shape)} but the network connects {layer.agents} "
                "agents: give one value an agent in the last dimension."
            )
    messages, size = _messages(infectiousness)
    with known_small():
        totals: dict[str, torch.Tensor] = {
            name: _exposure(layer if size < SMALL else _Wide(layer), infectiousness, messages)
            for name, layer in layers.items()
        }
    return totals if isinstance(network, Mapping) else totals[""]
