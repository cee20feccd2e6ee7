"""Age pyramids: how many people there are of each age group, by sex or whatever else divides them."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from causal_lpm import validate

if TYPE_CHECKING:  # half a second
    import pandas as pd

__all__ = ["age_pyramid"]


def age_pyramid(age: Tensor, side: Tensor | None = None, width: int = 5, oldest: int = 90) -> "pd.DataFrame":
    """People by age group, one column a side, the youngest first.

    Args:
        age: Years, `[agents]`, from 0; fractions count as whole years completed.
        side: Integers `[agents]` from 0, such as sex; -1: in no column. None: everybody in one.
        width: Years of a group.
        oldest: First year of the last group, which has no end; a multiple of `width`.

    Raises:
        ValueError: ages below 0 or NaN, another number of sides than ages, sides below -1, an `oldest` that is no
            multiple of the width.

    >>> age_pyramid(torch.tensor([3, 7, 64, 95]), torch.tensor([0, 1, 0, 0]), width=30, oldest=60)
           0  1
    0-29   1  1
    30-59  0  0
    60+    2  0
    """
    import pandas as pd

    width, oldest = validate.whole_number("width", width), validate.whole_number("oldest", oldest)
    if oldest % width:
        raise ValueError(f"the last group begins at {oldest} and groups have {width} years: give a multiple of them.")
    if age.dim() != 1 or not bool((age >= 0).all()):
        raise ValueError("the ages must be one number of years an agent, 0 or more.")
    columns = torch.zeros(len(age), dtype=torch.int64) if side is None else side.long()
    if columns.shape != age.shape or bool((columns < -1).any()):
        raise ValueError(f"the sides have shape {tuple(columns.shape)}: give one an agent, from 0, or -1 for none.")
    groups, sides = oldest // width + 1, int(columns.max()) + 1 if len(age) else 1
    group = (age.double().floor().long() // width).clamp(max=groups - 1)
    inside = columns >= 0
    cells = torch.bincount(group[inside] * sides + columns[inside], minlength=groups * sides)
    names = [f"{low}-{low + width - 1}" for low in range(0, oldest, width)] + [f"{oldest}+"]
    return pd.DataFrame(cells.reshape(groups, sides).numpy(), index=names)
