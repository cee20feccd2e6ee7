"""What each agent chooses, where its logits or its luck are secret: a tournament of the options."""

from typing import Any

import torch
from torch import Tensor

from causal_lpm.handlers.private.errors import Unsupported
from causal_lpm.handlers.private.numbers import is_secret
from causal_lpm.ops.exogenous import exogenous

__all__ = ["chosen"]


def chosen(name: str, logits: Tensor, coupling: str, one_hot: bool = False) -> Tensor:
    """As `choose` with Gumbel noise: the option with the largest sum of logit and noise; the first of equal ones.

    Raises:
        Unsupported: another coupling than `"gumbel"`.
    """
    if coupling != "gumbel":
        raise Unsupported(f"choice {name!r} has the coupling {coupling!r} in a private run: use 'gumbel'.")
    agents, options = logits.shape[-2:]
    noise = exogenous(name, agents, "exponential", options)
    race: Any = _gumbel(name, noise, options)
    score = logits + race
    best, place = score[..., 0], torch.zeros(score.shape[:-1], dtype=torch.int64)
    for option in range(1, options):
        better = best < score[..., option]
        best = torch.where(better, score[..., option], best)
        place = torch.where(better, option, place)
    return torch.stack([place == option for option in range(options)], -1) if one_hot else place


def _gumbel(name: str, noise: Tensor, options: int) -> Tensor:
    if is_secret(noise):  # drawn as such: the logarithm of a secret is not computed
        return exogenous(f"{name}_race", noise.shape[-2] if options > 1 else noise.shape[-1], "gumbel", options)
    field = noise[..., None] if options == 1 else noise
    return -field.log()
