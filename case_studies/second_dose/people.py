"""The population of the study: King County, Washington, scaled to any number of agents."""

import functools

import numpy as np
import torch

from case_studies.second_dose import inputs
from causal_lpm.agents import Population, households, synthesise

__all__ = ["king_county", "with_contacts"]

POPULATION_SEED = 1234
BLOCK = 1 << 20
"""Agents drawn at a time."""


@functools.lru_cache(maxsize=2)
def king_county(agents: int, seed: int = POPULATION_SEED) -> Population:
    """Agents with age group, year of age, household, occupation and random contact stubs.

    Age and household are independent, as in the archived program: a child may live alone.

    Args:
        agents: Number of agents.
        seed: Of the synthesis; all replicates share one population, as the archive's do.

    >>> people = king_county(1000)
    >>> sorted(people)
    ['age_group', 'household', 'occupation', 'stubs', 'year']
    """
    total = sum(inputs.KING_COUNTY_AGES.values())
    shares = {age: persons / total for age, persons in inputs.KING_COUNTY_AGES.items()}
    return with_contacts(synthesise(agents, {"age_group": shares}, seed), seed)


def with_contacts(people: Population, seed: int) -> Population:
    """Adds year of age, household, occupation and contact stubs to agents that have an age group in decades.

    A process that holds some of the agents draws for all of them, in the same order: a block at a time, so that little
    more is in its memory than the columns.
    """
    agents = people.size
    rng = np.random.default_rng([seed, 1])
    age = people["age_group"].numpy()
    band_of_age, mean_of_band = np.asarray(inputs.BAND_OF_AGE), np.asarray(inputs.RANDOM_CONTACTS)
    sectors = np.array([share for share, _ in inputs.OCCUPATIONS.values()])
    occupation, stubs, year = (np.empty(agents, dtype=kind) for kind in (np.uint8, np.int32, np.uint8))
    blocks = [slice(begin, min(begin + BLOCK, agents)) for begin in range(0, agents, BLOCK)]
    for block in blocks:
        band = band_of_age[age[block]]
        adult = rng.choice(len(sectors), size=len(band), p=sectors / sectors.sum())
        classes = [len(sectors), len(sectors) + 1]
        occupation[block] = np.select([band == inputs.CHILD, band == inputs.ELDERLY], classes, adult)
    for block in blocks:
        # Mean and standard deviation equal: r = mean / (mean - 1), p = 1 / mean.
        mean = mean_of_band[band_of_age[age[block]]]
        stubs[block] = rng.negative_binomial(mean / (mean - 1), 1 / mean)
    for block in blocks:
        decade = age[block]
        year[block] = decade.astype(np.int64) * 10 + rng.integers(0, 10, size=len(decade))
    return people.with_attributes(
        year=torch.from_numpy(year),
        household=households(agents, inputs.HOUSEHOLD_SIZES, seed),
        occupation=torch.from_numpy(occupation),
        stubs=torch.from_numpy(stubs),
    )
