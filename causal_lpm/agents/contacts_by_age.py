"""Contact matrices by age and setting: scaled, added up, brought to other ages, and made reciprocal."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from causal_lpm.validate import known

__all__ = ["ContactMatrices", "checked_matrices"]


@dataclass(frozen=True, eq=False)
class ContactMatrices:
    """Contacts a day of one person of the row's ages with people of the column's, by setting.

    Args:
        settings: name -> `[groups, groups]`.
        ages: the first age of each group in years, rising; the last group is open.
        source: where the numbers are from.

    Raises:
        ValueError: a matrix that is not square, negative, or of other groups than `ages`; ages that do not rise.

    >>> contacts = ContactMatrices({"home": [[2, 1], [1, 2]], "school": [[4, 1], [1, 0]]}, ages=(0, 18), source="mine")
    >>> contacts.scaled(school=0.5).total()
    tensor([[4.0000, 1.5000],
            [1.5000, 2.0000]], dtype=torch.float64)
    """

    settings: Mapping[str, Tensor]
    ages: tuple[int, ...]
    source: str

    def __post_init__(self) -> None:
        settings = checked_matrices(self.settings)
        ages = tuple(int(age) for age in self.ages)
        groups = len(next(iter(settings.values())))
        if len(ages) != groups or any(b <= a for a, b in itertools.pairwise(ages)):
            raise ValueError(
                f"the matrices are between {groups} groups and the first ages are {ages}: give one a group, rising."
            )
        object.__setattr__(self, "settings", settings)
        object.__setattr__(self, "ages", ages)

    def scaled(self, **weights: float) -> ContactMatrices:
        """With the contacts of some settings times a number of at least 0; raises ValueError for unknown settings."""
        for name, weight in weights.items():
            known("setting", name, self.settings)
            if not weight >= 0:
                raise ValueError(f"the weight of setting {name!r} is {weight}: give a number of at least 0.")
        return replace(self, settings={name: m * weights.get(name, 1.0) for name, m in self.settings.items()})

    def total(self) -> Tensor:
        """All settings together, float64 `[groups, groups]`."""
        return torch.stack(list(self.settings.values())).sum(0)


def checked_matrices(matrices: Mapping[str, Any]) -> dict[str, Tensor]:
    """The matrices as float64, each by its setting.

    Raises:
        ValueError: no matrix; one that is not square, is negative or NaN; matrices of different sizes.

    >>> checked_matrices({"home": [[1, 2]]})
    Traceback (most recent call last):
    ValueError: the matrix of 'home' has shape (1, 2): give a square one, one row and one column a group.
    """
    if not matrices:
        raise ValueError("there is no contact matrix: give at least one.")
    checked: dict[str, Tensor] = {}
    for name, given in matrices.items():
        try:
            matrix = torch.as_tensor(given, dtype=torch.float64).clone()
        except (TypeError, ValueError) as error:
            raise ValueError(f"the matrix of {name!r} is {given!r}: give numbers, one row a group.") from error
        if matrix.dim() != 2 or matrix.shape[0] != matrix.shape[1] or not len(matrix):
            raise ValueError(
                f"the matrix of {name!r} has shape {tuple(matrix.shape)}: give a square one, one row and one column a "
                "group."
            )
        if not bool((matrix >= 0).all() & matrix.isfinite().all()):
            worst = matrix[~((matrix >= 0) & matrix.isfinite())][0]
            raise ValueError(f"the matrix of {name!r} contains {float(worst):g}: contacts a day are numbers from 0.")
        checked[name] = matrix
    sizes = {name: len(matrix) for name, matrix in checked.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"the matrices are of different groups, {sizes}: bring all to the same.")
    return checked
