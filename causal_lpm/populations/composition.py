"""Who lives with whom: ages given to the members of households, so that children live with adults.

The rules are assumptions; ages and sizes of households are exactly those given.

- An adult, from 18 years on, lives in each household.
- Children take other places at random, a second place (beside one adult) a tenth as readily as a later one.
- Brothers and sisters are of like age; their parents are the first adult, and the second where there is one, some 30
  years older than the children; partners differ by some 4 years.
- All other adults are spread at random.
"""

import numpy as np
from numpy.typing import NDArray

from causal_lpm.populations.rounding import OLDEST, Counts

__all__ = ["ADULT", "composed"]

ADULT = 18
SECOND_PLACE = 0.1
"""How readily a child takes the second place of a household, where a later one has 1."""
APART = 3.0
"""Standard deviation of children's ages about that of their household, years."""
GENERATION = (30.0, 5.0)
"""Years from parents to their children: mean and standard deviation."""
PARTNERS = 4.0
"""Standard deviation of the difference of partners' ages, years."""

Ages = NDArray[np.uint8]


def composed(rng: np.random.Generator, ages: Counts, size: Counts) -> Ages:
    """The age of each member, household by household; as many people of each age as given.

    Args:
        rng: Of the draw.
        ages: People of each year of age, 0 to 100; as many as `size` holds, and at least as many adults as households.
        size: Members of each household.

    >>> ages = np.bincount([3, 5, 33, 36, 71], minlength=101)
    >>> age = composed(np.random.default_rng(1), ages, np.array([1, 4]))
    >>> age[0] >= 18, sorted(age.tolist())
    (np.True_, [3, 5, 33, 36, 71])
    """
    home = np.repeat(np.arange(len(size), dtype=np.int32), size)
    first = np.cumsum(size) - size
    place = np.arange(len(home)) - np.repeat(first, size)
    child = np.zeros(len(home), dtype=bool)
    child[_children(rng, place, int(ages[:ADULT].sum()))] = True
    age = np.zeros(len(home), dtype=np.uint8)
    own = np.flatnonzero(child)
    about = (rng.random(len(size)) * ADULT)[home[own]] + APART * rng.standard_normal(len(own))
    age[own[np.argsort(about)]] = np.repeat(np.arange(ADULT, dtype=np.uint8), ages[:ADULT])

    left = ages.copy()
    left[:ADULT] = 0
    partner = np.full(len(size), -1)  # the place of the second adult, where the second place is one's
    couple = size > 1
    partner[couple] = first[couple] + 1
    partner[partner >= 0] = np.where(child[partner[partner >= 0]], -1, partner[partner >= 0])
    children = np.bincount(home[own], minlength=len(size))
    family = np.flatnonzero(children)
    mean = np.bincount(home[own], age[own], minlength=len(size))[family] / children[family]
    _settle(rng, age, left, first, partner, family, mean + rng.normal(*GENERATION, len(family)))
    others = np.flatnonzero((children == 0) & (partner >= 0))
    _settle(rng, age, left, first, partner, others, rng.permutation(_listed(left))[: len(others)].astype(np.float64))
    alone = np.flatnonzero(age == 0)
    alone = alone[~child[alone]]
    age[alone] = rng.permutation(_listed(left))
    return age


def _children(rng: np.random.Generator, place: Counts, count: int) -> Counts:
    """The places of children: a weighted sample without replacement, never the first of a household."""
    free = np.flatnonzero(place > 0)
    if count == 0:
        return free[:0]
    waiting = rng.standard_exponential(len(free), dtype=np.float32)
    waiting[place[free] == 1] /= SECOND_PLACE
    return free[np.argpartition(waiting, count - 1)[:count]]


def _settle(
    rng: np.random.Generator,
    age: Ages,
    left: Counts,
    first: Counts,
    partner: Counts,
    households: Counts,
    wanted: NDArray[np.float64],
) -> None:
    """Gives the first adult of these households about the wanted age, and the partner about the same."""
    second = partner[households]
    there = second >= 0
    beside = (wanted + PARTNERS * rng.standard_normal(len(wanted)))[there]
    places = np.concatenate([first[households], second[there]])
    about = np.concatenate([wanted, beside]).round().clip(ADULT, OLDEST).astype(np.uint8)
    given = _nearest(np.bincount(about, minlength=len(left)), left)
    left -= given
    age[places[np.argsort(about, kind="stable")]] = _listed(given)


def _nearest(wanted: Counts, there: Counts) -> Counts:
    """How many of each age are taken: those wanted, and where too few are there, older ones, then younger ones."""
    given, over = np.minimum(wanted, there), 0
    room, missing = there - given, wanted - given
    for year in (*range(len(there)), *reversed(range(len(there)))):
        over, missing[year] = over + int(missing[year]), 0
        more = min(over, int(room[year]))
        given[year], room[year], over = given[year] + more, room[year] - more, over - more
    return given


def _listed(counts: Counts) -> Ages:
    return np.repeat(np.arange(len(counts), dtype=np.uint8), counts)
