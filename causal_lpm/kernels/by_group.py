"""Events whose hazard is that of each agent's group: a few numbers and not one an agent are what is read."""

from torch import Tensor

from causal_lpm.kernels import happens
from causal_lpm.kernels.dispatch import compiled, implementation
from causal_lpm.kernels.elementwise import nobody_else

__all__ = ["happens_by_group"]


def happens_by_group(
    hazard: Tensor, group: Tensor, key: Tensor, where: Tensor | None = None, check: bool = False
) -> Tensor:
    """`happens(hazard[..., group], key, where, check)`, without making that.

    Args:
        hazard: float32 `[*dims, groups]`.
        group: integers `[agents]`, 0 to groups - 1, which is not checked here.
        key: as in `happens`.
        where: as in `happens`.
        check: as in `happens`.

    >>> import torch
    >>> happens_by_group(torch.tensor([0.0, torch.inf]), torch.tensor([1, 0, 1]), torch.tensor([7]))
    tensor([ True, False,  True])
    """
    plain = all(x is None or (type(x) is Tensor and x.is_cpu) for x in (hazard, group, key, where))
    if plain and compiled() and not hazard.requires_grad and nobody_else():
        happened: Tensor = implementation(hazard).happens(hazard, key, where, check, group)
        return happened
    return happens(hazard.index_select(-1, group.long()), key, where, check)
