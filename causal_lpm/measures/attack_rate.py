"""Attack rates: infections of a period, by the number of people of each group."""

from typing import Any

import torch
from torch import Tensor

from causal_lpm.measures.series import counts

__all__ = ["attack_rates"]


def attack_rates(infections: Any, sizes: Any) -> Tensor:
    """Infections of all days by the number of people, float64 `[*dims, groups]`; NaN where a group has nobody.

    Above 1 where people were infected more than once. Who was infected before the first day is not among them.

    Args:
        infections: New infections a day, `[*dims, groups, days]`, such as a tally by groups.
        sizes: People of each group, `[groups]`, such as `torch.bincount(by, minlength=groups)`.

    Raises:
        ValueError: other numbers of groups, negative numbers.

    Source: Porta (2014), A Dictionary of Epidemiology, 6th edition: the share of a population affected in a period.

    >>> attack_rates([[1, 2, 0], [5, 0, 0]], [10, 20])
    tensor([0.3000, 0.2500], dtype=torch.float64)
    """
    new, people = counts("the infections", infections), counts("the sizes", sizes)
    if new.dim() < 2 or people.dim() != 1 or new.shape[-2] != len(people):
        raise ValueError(
            f"the infections have shape {tuple(new.shape)} and the sizes {tuple(people.shape)}: give "
            "[*dims, groups, days] and one size a group."
        )
    return torch.where(people > 0, new.sum(-1) / people, torch.nan)
