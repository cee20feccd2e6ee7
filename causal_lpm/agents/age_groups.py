"""Age groups by their first ages: who is in which, how many they are, and how one grouping becomes another."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from causal_lpm.agents.columns import whole_numbers

__all__ = ["checked_ages", "group_of_age", "persons", "regrouping"]


def checked_ages(ages: Iterable[Any]) -> tuple[int, ...]:
    """First ages as a tuple of integers; raises ValueError unless they are whole numbers from 0 and rise.

    >>> checked_ages([0, 18, 5])
    Traceback (most recent call last):
    ValueError: the first ages of the groups are (0, 18, 5): give whole numbers from 0 that rise.
    """
    given = tuple(ages)
    whole = all(float(age).is_integer() and age >= 0 for age in given)
    if not given or not whole or any(later <= age for age, later in itertools.pairwise(given)):
        raise ValueError(f"the first ages of the groups are {given}: give whole numbers from 0 that rise.")
    return tuple(int(age) for age in given)


def group_of_age(age: Any, ages: tuple[int, ...]) -> Tensor:
    """The number of each agent's group, int64 `[agents]`; raises ValueError for ages before the first group.

    >>> group_of_age([3, 18, 90], (0, 18, 65))
    tensor([0, 1, 2])
    """
    years = whole_numbers("age", age, ages[0], dtype=torch.int64)
    return torch.bucketize(years, torch.tensor(ages, device=years.device), right=True) - 1


def persons(population: Any, ages: tuple[int, ...]) -> Tensor:
    """How many people are in each group, float64 `[groups]`.

    Args:
        population: Persons by first age, of groups whose years have equally many each; or ages in years, `[agents]`.
        ages: First ages of the groups.

    Raises:
        ValueError: a negative number, nobody, a population that begins at a later age, or whose open last group would
            be cut.

    >>> persons({0: 100, 5: 50, 65: 10}, (0, 2, 10))
    tensor([40.0000, 64.1667, 55.8333], dtype=torch.float64)
    """
    if not hasattr(population, "items"):  # neither a dictionary nor a Series
        return torch.bincount(group_of_age(population, ages).cpu(), minlength=len(ages)).double()
    pairs = sorted((int(first), float(number)) for first, number in dict(population).items())
    first, number = checked_ages(age for age, _ in pairs), [number for _, number in pairs]
    if not min(number) >= 0 or not 0 < sum(number) < float("inf"):
        raise ValueError(f"the population has {min(number):g} persons in a group: give numbers from 0, not all 0.")
    if first[0] > ages[0] or ages[-1] > first[-1]:
        raise ValueError(
            f"the population is given from age {first[0]}, with an open last group from {first[-1]}, and asked for in "
            f"groups from {ages[0]} to {ages[-1]}: give one that tells these ages apart, or larger groups."
        )
    ends = (*first[1:], float("inf"))
    cut = (*ages[1:], float("inf"))
    people = []
    for low, high in zip(ages, cut, strict=True):
        inside = 0.0
        for begin, end, here in zip(first, ends, number, strict=True):
            if begin >= low and end <= high:
                inside += here
            elif (years := min(end, high) - max(begin, low)) > 0:
                inside += here * years / (end - begin)
        people.append(inside)
    return torch.tensor(people, dtype=torch.float64)


def regrouping(
    old: tuple[int, ...], new: tuple[int, ...], people: Callable[[tuple[int, ...]], Tensor]
) -> tuple[Tensor, Tensor]:
    """What a matrix is multiplied with from the left and the right to be between new groups.

    Args:
        old: First ages of its groups.
        new: Of the new ones.
        people: How many people there are in groups with given first ages, which both groupings cut.

    Returns:
        float64 `[new, old]` and `[old, new]`: the share of a new group's people that is in an old group, and the share
        of an old one's that is in a new. Where nobody is, the parts of a group are taken to be of equal size.

    Raises:
        ValueError: groupings that begin at different ages.
    """
    if old[0] != new[0]:
        raise ValueError(f"the contacts begin at age {old[0]} and the new groups at {new[0]}: begin at the same age.")
    cut = tuple(sorted({*old, *new}))
    number = people(cut)
    in_old, in_new = (torch.nn.functional.one_hot(group_of_age(cut, ages), len(ages)).double() for ages in (old, new))
    return _shares(number, in_new) @ in_old, _shares(number, in_old) @ in_new


def _shares(number: Tensor, member: Tensor) -> Tensor:
    """The share of each part in its group's people, `[groups, parts]`."""
    people = (member * number[:, None]).T
    size = people.sum(1, keepdim=True)
    return torch.where(size > 0, people / size, (member / member.sum(0)).T)
