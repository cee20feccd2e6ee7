"""How many members households have: shares by size from classes and means, and the sizes of so many households."""

from collections.abc import Mapping

import numpy as np

from causal_lpm.populations.rounding import Counts, Floats, apportioned

__all__ = ["CLASSES", "LARGEST", "drawn_sizes", "from_classes", "from_means", "from_sizes"]

LARGEST = 16
"""Members of the largest household that is made."""
CLASSES = {"1": (1, 1), "2-3": (2, 3), "4-5": (4, 5), "6+": (6, LARGEST)}
"""Classes of international tables -> smallest and largest size."""


def from_classes(shares: Mapping[str, float], like: Floats | None = None) -> Floats:
    """Shares of households with 1, 2, ... members from those of the classes 1, 2-3, 4-5, 6+, which are kept.

    Within the classes, sizes are as frequent as in `like`. Without it, shares change from 2 to 3 as from the class 2-3
    to the class 4-5, and fall by one factor from 4 on.

    >>> from_classes({"1": 0.3, "2-3": 0.4, "4-5": 0.2, "6+": 0.1}).round(2)[:6]
    array([0.3 , 0.27, 0.13, 0.13, 0.07, 0.04])
    """
    if like is None:
        step = np.sqrt(shares["6+"] / (shares["4-5"] + shares["6+"]))
        like = np.concatenate([[1.0, 1.0, shares["4-5"] / shares["2-3"]], step ** np.arange(LARGEST - 3)])
    parts = [like[low - 1 : high] / like[low - 1 : high].sum() * shares[name] for name, (low, high) in CLASSES.items()]
    every = np.concatenate(parts)
    result: Floats = every / every.sum()
    return result


def from_sizes(shares: Mapping[str, float]) -> Floats:
    """Shares of households with 1, 2, ... members from a table by single size whose last class is open, as "7+".

    From the last single size on, shares fall by one factor.

    >>> from_sizes({"1": 0.5, "2": 0.25, "3+": 0.25}).round(3)[:5]
    array([0.5  , 0.25 , 0.125, 0.063, 0.031])
    """
    *single, rest = shares.values()
    step = rest / (rest + single[-1])
    tail = step ** np.arange(LARGEST - len(single))
    every = np.append(single, rest * tail / tail.sum())
    result: Floats = every / every.sum()
    return result


def from_means(households: Floats, alone: Floats, people: Floats) -> Floats:
    """Shares of households with 1, 2, ... members, from neighbourhoods' households, persons alone, and people.

    In each neighbourhood, those who do not live alone have two members and a geometric number of further ones, with the
    neighbourhood's mean.

    >>> from_means(np.array([100.0]), np.array([20.0]), np.array([260.0])).round(2)[:4]
    array([0.2, 0.4, 0.2, 0.1])
    """
    several = households - alone
    further = np.maximum((people - alone) / np.maximum(several, 1) - 2, 0)
    step = further / (1 + further)
    chance = step[:, None] ** np.arange(LARGEST - 1)
    counted = np.append(alone.sum(), (several[:, None] * chance / chance.sum(1, keepdims=True)).sum(0))
    result: Floats = counted / counted.sum()
    return result


def drawn_sizes(rng: np.random.Generator, people: int, shares: Floats, most: int) -> Counts:
    """The sizes of households that hold exactly these people, in random order.

    Sizes have the given shares, rounded. The few people who are then over or missing change the size of as many
    households by one.

    Args:
        rng: Of the order.
        people: At least one.
        shares: Of households with 1, 2, ... members.
        most: Households there can be, at least one: each needs an adult.
    """
    members = np.arange(1, len(shares) + 1)
    wanted = round(people / float(members @ shares))
    size = np.repeat(members, apportioned(shares, max(1, min(wanted, most, people))))
    while missing := people - int(size.sum()):
        can = np.flatnonzero(size > 1) if missing < 0 else np.arange(len(size))
        size[rng.permutation(can)[: abs(missing)]] += np.sign(missing)
    return rng.permutation(size)
