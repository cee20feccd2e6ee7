"""Weights: how many rows they are worth, and systematic resampling, which takes a row as often as its weight says.

Source: Kitagawa (1996), Journal of Computational and Graphical Statistics 5:1.
"""

import torch

__all__ = ["effective_number", "systematic"]


def effective_number(weights: torch.Tensor) -> torch.Tensor:
    """How many rows of equal weight `[*dims, rows]` are worth, whose weights add up to 1: `[*dims]` (Kong 1992).

    >>> effective_number(torch.tensor([0.5, 0.5, 0.0]))
    tensor(2.)
    """
    return 1 / (weights**2).sum(-1)


def systematic(weights: torch.Tensor, n: int, generator: torch.Generator) -> torch.Tensor:
    """The numbers of `n` rows, in ascending order, int64 `[n]`.

    Args:
        weights: float64 `[rows]`, that add up to 1.
        n: How many are taken.
        generator: Of the one number that is drawn.

    >>> systematic(torch.tensor([0.25, 0.0, 0.75]).double(), 4, torch.Generator().manual_seed(0))
    tensor([0, 2, 2, 2])
    """
    at = (torch.arange(n, dtype=torch.float64) + torch.rand((), generator=generator, dtype=torch.float64)) / n
    return torch.searchsorted(weights.cumsum(0), at).clamp(max=len(weights) - 1)
