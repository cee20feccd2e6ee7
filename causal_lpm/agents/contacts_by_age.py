"""Contact matrices by age and setting: scaled, added up, brought to other ages, and made reciprocal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from causal_lpm.agents.age_groups import checked_ages, group_of_age, persons, regrouping
from causal_lpm.validate import known

__all__ = ["ContactMatrices", "checked_matrices"]


@dataclass(frozen=True, eq=False)
class ContactMatrices:
    """Contacts a day of one person of the row's ages with people of the column's, by setting.

    Where a method takes a `population`, give the persons of each age group by its first age, a dictionary or a pandas
    Series; or the ages of your agents in years, integers `[agents]`. Without it the people of the table count, where
    it says them.

    Args:
        settings: name -> `[groups, groups]`.
        ages: the first age of each group in years, rising; the last group is open.
        source: where the numbers are from.
        population: persons or shares by first age, of whom the table is.
        participants: of a survey, how many were asked in each group `[groups]`.
        change: of contacts made reciprocal, the share that had no counterpart, by setting and in all ("all").

    Raises:
        ValueError: a matrix that is not square, negative, or of other groups than `ages`; ages that do not rise.

    >>> contacts = ContactMatrices({"home": [[2, 1], [1, 2]], "school": [[4, 1], [1, 0]]}, ages=(0, 18), source="mine")
    >>> contacts.scaled(school=0.5).total()
    tensor([[4.0000, 1.5000],
            [1.5000, 2.0000]], dtype=torch.float64)
    """

    settings: Mapping[str, Any]
    ages: tuple[int, ...]
    source: str
    population: Mapping[int, float] | None = None
    participants: Tensor | None = None
    change: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        settings, ages = checked_matrices(self.settings), checked_ages(self.ages)
        groups = len(next(iter(settings.values())))
        if len(ages) != groups:
            raise ValueError(
                f"the matrices are between {groups} groups and the first ages are {ages}: give one a group."
            )
        object.__setattr__(self, "settings", settings)
        object.__setattr__(self, "ages", ages)

    def __repr__(self) -> str:
        return f"ContactMatrices({', '.join(self.settings)}; {len(self.ages)} ages to {self.ages[-1]}+; {self.source})"

    def group_of(self, age: Any) -> Tensor:
        """The number of the group of each age in years, int64; raises ValueError for ages before the first group."""
        return group_of_age(age, self.ages)

    def total(self) -> Tensor:
        """All settings together, float64 `[groups, groups]`."""
        return torch.stack(list(self.settings.values())).sum(0)

    def mean(self, population: Any = None) -> float:
        """Contacts a day of one person, over all ages of the population."""
        people = self._persons(population)
        return float((people @ self.total()).sum() / people.sum())

    def scaled(self, **weights: float) -> ContactMatrices:
        """The contacts of some settings times a number; raises ValueError for unknown settings and numbers below 0.

        See `Mixing.scaled` for weights that change by day or world.
        """
        for name, weight in weights.items():
            known("setting", name, self.settings)
            if not weight >= 0:
                raise ValueError(f"the weight of setting {name!r} is {weight}: give a number of at least 0.")
        return self._with({name: matrix * weights.get(name, 1.0) for name, matrix in self.settings.items()})

    def regrouped(self, ages: Sequence[int], population: Any = None) -> ContactMatrices:
        """The contacts between other age groups, whichever way they cut the old ones.

        In a group that is cut all have the contacts of the whole, and are met in proportion to their number. So the
        contacts a day of all people together stay what they are.

        Args:
            ages: the first age of each new group, rising; the first as before.
            population: see the class.

        Raises:
            ValueError: ages that do not rise or begin elsewhere; a population that is not told apart at these ages.

        >>> contacts = ContactMatrices({"all": [[3, 1], [1, 4]]}, (0, 18), "mine", population={0: 20, 18: 80})
        >>> contacts.regrouped([0, 18, 50], {0: 20, 18: 32, 50: 48}).total()
        tensor([[3.0000, 0.4000, 0.6000],
                [1.0000, 1.6000, 2.4000],
                [1.0000, 1.6000, 2.4000]], dtype=torch.float64)
        """
        new = checked_ages(ages)
        rows, columns = regrouping(self.ages, new, lambda cut: self._persons(population, cut))
        settings = {name: rows @ matrix @ columns for name, matrix in self.settings.items()}
        return replace(self, settings=settings, ages=new, participants=None, change={})

    def pooled(self, ages: Sequence[int]) -> ContactMatrices:
        """The contacts of a survey between fewer groups, everybody asked counting once.

        Raises:
            ValueError: contacts of no survey, or a group that would be cut.

        >>> asked = ContactMatrices(
        ...     {"all": [[2, 0, 1], [0, 4, 1], [1, 1, 1]]}, (0, 5, 18), "mine", participants=torch.tensor([30, 10, 50])
        ... )
        >>> asked.pooled([0, 18]).total()
        tensor([[2.5000, 1.0000],
                [2.0000, 1.0000]], dtype=torch.float64)
        """
        new = checked_ages(ages)
        if self.participants is None:
            raise ValueError(f"the contacts of {self.source} are not counted by participants: use regrouped.")
        if cut := sorted(set(new) - set(self.ages)):
            raise ValueError(f"a group begins at {cut[0]} and those of the survey at {self.ages}: pool whole ones.")
        asked = self.participants.double()
        rows, columns = regrouping(self.ages, new, lambda cut: asked)
        settings = {name: rows @ matrix @ columns for name, matrix in self.settings.items()}
        together = (columns.T @ asked).long()
        return replace(self, settings=settings, ages=new, participants=together, change={})

    def reciprocal(self, population: Any = None) -> ContactMatrices:
        """The contacts made mutual: what one group has with another, the other has with it.

        The contacts of all people of two groups with each other are the mean of what both sides say, so that the
        contacts in all stay what they are. `change` says what share had no counterpart. Ages that nobody has are met by
        nobody.

        Args:
            population: see the class.

        Source: Wallinga, Teunis and Kretzschmar (2006), Am J Epidemiol 164(10); as in socialmixr's `symmetric`.

        >>> mutual = ContactMatrices({"all": [[3, 1], [1, 4]]}, (0, 18), "mine").reciprocal({0: 20, 18: 80})
        >>> mutual.total()
        tensor([[3.0000, 2.5000],
                [0.6250, 4.0000]], dtype=torch.float64)
        >>> mutual.change["all"]
        0.125
        """
        people = self._persons(population)
        made, change = {}, {}
        for name, matrix in (*self.settings.items(), ("all", self.total())):
            contacts = people[:, None] * matrix * (people > 0)
            mutual = (contacts + contacts.T) / 2
            made[name] = torch.where(people[:, None] > 0, mutual / people[:, None], 0.0)
            change[name] = float((contacts - mutual).abs().sum() / contacts.sum()) if bool(contacts.any()) else 0.0
        return replace(self._with({name: made[name] for name in self.settings}), change=change)

    def _persons(self, population: Any, ages: tuple[int, ...] | None = None) -> Tensor:
        given = self.population if population is None else population
        if given is None:
            raise ValueError(f"the contacts of {self.source} come without a population: give one.")
        return persons(given, self.ages if ages is None else ages)

    def _with(self, settings: Mapping[str, Tensor]) -> ContactMatrices:
        return replace(self, settings=settings, change={})


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
            matrix = torch.as_tensor(given, dtype=torch.float64).clone(memory_format=torch.contiguous_format)
        except (TypeError, ValueError) as error:
            raise ValueError(f"the matrix of {name!r} is {given!r}: give numbers, one row a group.") from error
        if matrix.dim() != 2 or matrix.shape[0] != matrix.shape[1] or not len(matrix):
            raise ValueError(
                f"the matrix of {name!r} has shape {tuple(matrix.shape)}: give a square one, one row and one column a "
                "group."
            )
        if not bool((matrix >= 0).all() & matrix.isfinite().all()):
            worst = matrix[~((matrix >= 0) & matrix.isfinite())][0]
            raise ValueError(f"the matrix of {name!r} contains {float(worst):g}: give numbers from 0.")
        checked[name] = matrix
    sizes = {name: len(matrix) for name, matrix in checked.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"the matrices are of different groups, {sizes}: bring all to the same.")
    return checked
