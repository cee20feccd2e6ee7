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
OLDEST = max(high for _, high, _ in SCHOOLS)
WORKING = (20, 64, 0.75)
"""First and last year of age, and share, of those who work."""
LARGEST_WORKPLACE = 2000
MOST_IN_TEAM = 20

Numbers = NDArray[np.int32]
Ages = NDArray[np.uint8]


def parts(group: Numbers, most: int) -> Numbers:
    """Groups cut into parts of at most so many, as equal as can be; members that are neighbours stay together.

    >>> parts(np.array([1, 1, -1, 1, 1, 0]), most=3)
    array([ 1,  1, -1,  2,  2,  0], dtype=int32)
    """
    order = np.argsort(group, kind="stable")
    order = order[np.searchsorted(group[order], 0) :]
    size = np.bincount(group[order])
    number = -(-size // most)
    own = group[order]
    rank = np.arange(len(order)) - (np.cumsum(size) - size)[own]
    part = np.full(len(group), -1, dtype=np.int32)
    part[order] = (np.cumsum(number) - number)[own] + rank * number[own] // size[own]
    return part


def schools(rng: np.random.Generator, age: Ages) -> tuple[Numbers, Numbers]:
    """The school and the classroom of each agent of a place, teachers included, both -1 for all others.

    Args:
        rng: Who teaches.
        age: Years; members of a household, and neighbours, follow each other.
    """
    school, first = np.full(len(age), -1, dtype=np.int32), 0
    for low, high, pupils in SCHOOLS:
        goes = np.flatnonzero((age >= low) & (age <= high))
        school[goes] = first + parts(np.zeros(len(goes), dtype=np.int32), pupils)
        first += -(-len(goes) // pupils)
    pupil = np.flatnonzero(school >= 0)
    # Numbered from 0 without gaps: sorted by age, each school's pupils of a year follow each other.
    _, year = np.unique(school[pupil] * np.int32(OLDEST + 1) + age[pupil], return_inverse=True)
    room = np.full(len(age), -1, dtype=np.int32)
    room[pupil] = parts(year.astype(np.int32), MOST_IN_CLASSROOM)
    school_of_room = np.zeros(room.max(initial=-1) + 1, dtype=np.int32)
    school_of_room[room[pupil]] = school[pupil]
    teacher = rng.permutation(np.flatnonzero(_between(age, *WORKING[:2])))[: len(school_of_room)]
    room[teacher] = np.arange(len(teacher))
    school[teacher] = school_of_room[: len(teacher)]
    return school, room


def working(rng: np.random.Generator, age: Ages, school: Numbers) -> tuple[Numbers, Numbers]:
    """The workplace and the team of each agent of a place, both -1 for those who do not work, or are at a school."""
    low, high, share = WORKING
    works = _between(age, low, high) & (rng.random(len(age), dtype=np.float32) < share) & (school < 0)
    if not works.any():
        nowhere = np.full(len(age), -1, dtype=np.int32)
        return nowhere, nowhere
    seed = int(rng.integers(2**62))
    work = workplaces(torch.from_numpy(works), zipf_sizes(LARGEST_WORKPLACE), seed).numpy()
    return work, parts(work, MOST_IN_TEAM)


def _between(age: Ages, low: int, high: int) -> NDArray[np.bool_]:
    result: NDArray[np.bool_] = (age >= low) & (age <= high)
    return result
