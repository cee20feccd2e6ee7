"""Kinds of people: the combinations of classes that occur in a population."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from causal_lpm import validate
from causal_lpm.agents.population import Population

__all__ = ["Archetypes"]

CELLS = 1_000_000
"""Combinations of classes that are counted, at most."""

LEVELS = 1_000
"""Classes of one attribute, at most: what has more is free text or a number."""


@dataclass(frozen=True, eq=False)
class Archetypes:
    """Kinds of people, each with its labels; made by `from_columns`.

    Labels identify an archetype, never its position: another population has others in another order.

    Attributes:
        by: Names of the class attributes.
        levels: Name -> all labels of the attribute, those that nobody has included.
        codes: Class of each archetype in each attribute, int64 `[A, F]`.
        index: Archetype of each agent, int32 `[agents]`.
        counts: Agents of each archetype, int64 `[A]`.
        features: One column for each class that occurs but the first of an attribute, 1 in that class and 0 elsewhere,
            less its mean over archetypes; float32 `[A, P]`.
        feature_names: P names, such as "age: over 65".

    >>> people = Population(
    ...     {"age": torch.tensor([0, 1, 1, 0]), "sex": torch.tensor([0, 0, 0, 1])},
    ...     {"age": ("young", "old"), "sex": ("female", "male")},
    ... )
    >>> kinds = Archetypes.from_columns(people, ["age", "sex"], minimum=1)
    >>> kinds.labels[2], kinds.counts, kinds.index
    ({'age': 'old', 'sex': 'female'}, tensor([1, 1, 2]), tensor([0, 2, 2, 1], dtype=torch.int32))
    """

    by: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]]
    codes: torch.Tensor
    index: torch.Tensor
    counts: torch.Tensor
    features: torch.Tensor
    feature_names: tuple[str, ...]

    @classmethod
    def from_columns(cls, population: Population, by: Sequence[str], minimum: int = 10) -> Archetypes:
        """All combinations of the classes of some attributes that occur.

        Args:
            population: The agents.
            by: Names of attributes with labels.
            minimum: Agents that each combination must have: a kind of few people says what one of them is like.

        Raises:
            ValueError: no attribute, one that is unknown, named twice or without labels, one with more than 1,000
                labels or with two that look the same, more than a million possible combinations, a combination of fewer
                than `minimum` agents.
        """
        by = _class_attributes(population, by)
        validate.whole_number("minimum", minimum)
        sizes = [len(population.labels[name]) for name in by]
        cell = torch.zeros(population.size, dtype=torch.int32, device=population.device)
        for name, size in zip(by, sizes, strict=True):
            cell.mul_(size).add_(population[name])
        # Cells are counted, not sorted: 0.15 s where sorting 8.4 million agents takes 6.
        agents = torch.bincount(cell, minlength=math.prod(sizes))
        found = agents.nonzero()[:, 0]
        index = ((agents > 0).cumsum(0) - 1).int().index_select(0, cell)
        codes = torch.stack(torch.unravel_index(found, sizes), -1)
        levels = {name: tuple(population.labels[name]) for name in by}
        features, names = _features(by, levels, codes)
        kinds = cls(by, levels, codes, index, agents[found], features, names)
        kinds._refuse_fewer(minimum)
        return kinds

    @property
    def agents(self) -> int:
        """The number of agents."""
        return len(self.index)

    @cached_property
    def labels(self) -> tuple[dict[str, str], ...]:
        """A mappings, attribute -> label of the archetype."""
        return tuple(
            {name: self.levels[name][code] for name, code in zip(self.by, row, strict=True)}
            for row in self.codes.tolist()
        )

    def of(self, name: str) -> torch.Tensor:
        """The class of each archetype in one attribute, int64 `[A]`; raises ValueError for one that is not in `by`."""
        validate.known("attribute of the archetypes", name, self.by)
        return self.codes[:, self.by.index(name)]

    def members(self, by: Sequence[str]) -> dict[str, torch.Tensor]:
        """Which archetypes each class that occurs has: label such as "borough: Bronx" -> bool `[A]`."""
        return {
            f"{name}: {self.levels[name][level]}": self.of(name) == level
            for name in by
            for level in self.of(name).unique().tolist()
        }

    def to(self, device: str | torch.device) -> Archetypes:
        """The same archetypes with their tensors on another device."""
        tensors = {name: getattr(self, name).to(device) for name in ("codes", "index", "counts", "features")}
        return replace(self, **tensors)

    def __len__(self) -> int:
        return len(self.codes)

    def _refuse_fewer(self, minimum: int) -> None:
        if (few := int((self.counts < minimum).sum())) == 0:
            return
        least = int(self.counts.argmin())
        count = int(self.counts[least])
        raise ValueError(
            f"{few} of {len(self)} archetypes have fewer than {minimum} agents, the least {count} "
            f"({', '.join(self.labels[least].values())}): merge classes, use fewer attributes, or lower minimum=."
        )


def _class_attributes(population: Population, by: Sequence[str]) -> tuple[str, ...]:
    """The names as a tuple, if archetypes can be made of them; else raises ValueError."""
    if isinstance(by, str):
        raise ValueError(f"the archetypes are by {by!r}: give a list of attributes, such as [{by!r}].")
    by = tuple(by)
    if not by:
        raise ValueError("the archetypes are by no attribute: give at least one, such as ['age'].")
    validate.unique_entries("attribute of the archetypes", by)
    for name in by:
        validate.known("attribute", name, population)
        if name not in population.labels:
            raise ValueError(
                f"attribute {name!r} has no labels: archetypes are made of classes; cut it into a few, and give each "
                "its label."
            )
        if (levels := len(population.labels[name])) > LEVELS:
            raise ValueError(
                f"attribute {name!r} has {levels} labels, as free text has: merge them into at most {LEVELS} classes."
            )
        validate.distinct_labels(f"label of {name!r}", population.labels[name])
    cells = math.prod(len(population.labels[name]) for name in by)
    if cells > CELLS:
        raise ValueError(
            f"the archetypes by {', '.join(by)} have {cells} possible combinations: merge classes or use fewer "
            f"attributes, at most {CELLS} are counted."
        )
    return by


def _features(
    by: tuple[str, ...], levels: Mapping[str, tuple[str, ...]], codes: torch.Tensor
) -> tuple[torch.Tensor, tuple[str, ...]]:
    """Centred dummies `[A, P]` of the classes that occur, without the first of each attribute, and their names."""
    columns, names = [], []
    for name, code in zip(by, codes.T, strict=True):
        for level in code.unique().tolist()[1:]:
            columns.append((code == level).float())
            names.append(f"{name}: {levels[name][level]}")
    dummies = torch.stack(columns, -1) if columns else codes.new_zeros(len(codes), 0).float()
    return dummies - dummies.mean(0), tuple(names)
