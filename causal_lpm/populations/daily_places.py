"""Schools with classrooms, and workplaces with teams, each within one place: assumptions about whom one meets by day.

- Everybody from 5 to 17 years goes to school: to 12 in one kind, from 13 in another. Schools of a place are of about
  one size; their pupils live near each other, brothers and sisters together.
- A classroom has pupils of one age, at most 30, and one adult, the teacher.
- Of those from 20 to 64 years, 3 in 4 work. Sizes of workplaces follow Zipf's law; in larger ones, people meet the
  at most 20 of their team.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from causal_lpm.agents import workplaces, zipf_sizes

__all__ = ["MOST_IN_CLASSROOM", "MOST_IN_TEAM", "SCHOOLS", "WORKING", "parts", "schools", "working"]

SCHOOLS = ((5, 12, 400), (13, 17, 800))
"""First and last year of age, and pupils, of a school."""
MOST_IN_CLASSROOM = 30
WORKING = (20, 64, 0.75)
"""First and last year of age, and share, of those who work."""
LARGEST_WORKPLACE = 2000
MOST_IN_TEAM = 20

Numbers = NDArray[np.int64]


def parts(group: Numbers, most: int) -> Numbers:
    """Groups cut into parts of at most so many, as equal as can be; members that are neighbours stay together.

    >>> parts(np.array([7, 7, -1, 7, 7, 2]), most=3)
    array([ 1,  1, -1,  2,  2,  0])
    """
    members = np.flatnonzero(group >= 0)
    members = members[np.argsort(group[members], kind="stable")]
    _, place, size = np.unique(group[members], return_index=True, return_counts=True)
    number = -(-size // most)
    rank = np.arange(len(members)) - np.repeat(place, size)
    part = np.full(len(group), -1, dtype=np.int64)
    part[members] = np.repeat(np.cumsum(number) - number, size) + rank * np.repeat(number, size) // np.repeat(
        size, size
    )
    return part


def schools(rng: np.random.Generator, age: Numbers, place: Numbers) -> tuple[Numbers, Numbers]:
    """The school and the classroom of each agent, teachers included, both -1 for all others.

    Args:
        rng: Who teaches.
        age: Years; agents of a place follow each other, and so do households.
        place: Number of the place, ascending.
    """
    school, first = np.full(len(age), -1, dtype=np.int64), 0
    for low, high, pupils in SCHOOLS:
        goes = (age >= low) & (age <= high)
        own = parts(np.where(goes, place, -1), pupils)
        school[goes] = first + own[goes]
        first = int(school.max()) + 1
    room = parts(np.where(school >= 0, school * (OLDEST_PUPIL + 1) + age, -1), MOST_IN_CLASSROOM)
    known, one = np.unique(room, return_index=True)
    one = one[known >= 0]  # a pupil of each room
    could = rng.permutation(np.flatnonzero((age >= WORKING[0]) & (age <= WORKING[1])))
    could = could[np.argsort(place[could], kind="stable")]
    order = np.argsort(place[one], kind="stable")
    one = one[order]
    begin = np.searchsorted(place[could], place[one])  # where adults of the place begin
    taken = begin + np.arange(len(one)) - np.searchsorted(place[one], place[one])
    there = taken < np.searchsorted(place[could], place[one], side="right")
    teacher, taught = could[taken[there]], one[there]
    school[teacher], room[teacher] = school[taught], room[taught]
    return school, room


def working(
    rng: np.random.Generator, age: Numbers, place: Numbers, school: Numbers, seed: int
) -> tuple[Numbers, Numbers]:
    """The workplace and the team of each agent, both -1 for those who do not work, or who are at a school."""
    low, high, share = WORKING
    works = (age >= low) & (age <= high) & (rng.random(len(age), dtype=np.float32) < share) & (school < 0)
    if not works.any():
        nowhere = np.full(len(age), -1, dtype=np.int64)
        return nowhere, nowhere
    where = torch.from_numpy(place)
    work = workplaces(torch.from_numpy(works), zipf_sizes(LARGEST_WORKPLACE), seed, within=[where]).numpy()
    return work.astype(np.int64), parts(work, MOST_IN_TEAM)


OLDEST_PUPIL = max(high for _, high, _ in SCHOOLS)
