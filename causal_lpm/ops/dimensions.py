"""Which of the named dimensions left of the agents are worlds, and which are replicates or draws."""

from collections.abc import Mapping
from typing import Any

import torch

from causal_lpm.ops.pyro_stack import effectful

__all__ = ["DRAWS", "expanded", "index_plates", "of_replicates", "refuse_worlds", "world_dimensions", "world_sizes"]

DRAWS = ("replicates", "draws")
"""Names of the dimensions of noise and of parameters, beside those that ChiRho's particle handlers make."""

PARTICLES = "__particles"


@effectful(type="get_index_plates")
def index_plates() -> dict[str, Any]:
    """Name -> plate of every dimension left of the agents that has a name.

    ChiRho's `get_index_plates`, several times a day, of which only those handlers hear that may answer.

    >>> index_plates()
    {}
    """
    return {}


def world_dimensions() -> dict[str, int]:
    """Name -> dimension (negative) of every index plate in force that holds worlds.

    >>> world_dimensions()
    {}
    """
    return {
        name: plate.dim
        for name, plate in index_plates().items()
        if plate.dim is not None and name not in DRAWS and not name.startswith(PARTICLES)
    }


def world_sizes() -> dict[int, int]:
    """Dimension (negative) -> size of every index plate in force that holds worlds.

    >>> world_sizes()
    {}
    """
    plates = index_plates()
    return {dim: int(plates[name].size or 1) for name, dim in world_dimensions().items()}


def expanded(value: torch.Tensor, sizes: Mapping[int, int], event_dim: int = 0) -> torch.Tensor:
    """`value` with these dimensions, which it may lack, in full.

    Args:
        value: `[*dims, agents or 1]`, then `event_dim` more dimensions.
        sizes: Dimension (negative) -> size.
        event_dim: Dimensions right of the agents.

    >>> expanded(torch.zeros(1, 5), {-2: 3}, event_dim=1).shape
    torch.Size([3, 1, 5])
    """
    shape = list(value.shape)
    for dim, size in sizes.items():
        shape = [1] * (event_dim - dim - len(shape)) + shape
        shape[dim - event_dim] = max(size, shape[dim - event_dim])
    return value.expand(shape).contiguous()


def of_replicates(value: torch.Tensor, numbers: torch.Tensor, event_dim: int = 0) -> torch.Tensor:
    """The rows of `value` of the numbered replicates; `value` itself where replicates do not differ.

    Args:
        value: `[*dims, agents or 1]`, then `event_dim` more dimensions.
        numbers: int64 `[replicates]`.
        event_dim: Dimensions right of the agents.

    >>> of_replicates(torch.arange(3), torch.tensor([0, 0]))
    tensor([0, 1, 2])
    """
    plate = index_plates().get("replicates")
    dim = 0 if plate is None or plate.dim is None else plate.dim - event_dim
    if dim == 0 or value.dim() < -dim or value.shape[dim] == 1:
        return value
    return value.index_select(dim, numbers.to(value.device))


def refuse_worlds(what: str, value: torch.Tensor, event_dim: int = 0) -> None:
    """Raises ValueError when exogenous noise differs by world: then worlds would not share it.

    Args:
        what: What carries the noise, for the message.
        value: Noise or seeds `[*dims, agents or 1]`, then `event_dim` more dimensions.
        event_dim: Dimensions right of the agents.
    """
    for name, dim in world_dimensions().items():
        if value.dim() >= event_dim - dim and value.shape[dim - event_dim] > 1:
            raise ValueError(
                f"{what} carries the world dimension {name!r}: noise belongs to agents, replicates and draws, and is "
                "the same in every world; intervene on a policy instead, and announce replicates where the worlds are "
                "made (replicates=...)."
            )
