"""Populations by name."""

from collections.abc import Callable
from functools import partial

from causal_lpm.populations.blueprint import Blueprint
from causal_lpm.populations.sources import COUNTRIES, country, king_county, new_zealand, nyc
from causal_lpm.populations.synthetic import SyntheticPopulation
from causal_lpm.validate import known

__all__ = ["names", "population"]

BLUEPRINTS: dict[str, Callable[[], Blueprint]] = {
    "nyc": nyc,
    "king-county": king_county,
    "new-zealand": new_zealand,
    **{f"country:{iso3}": partial(country, iso3) for iso3 in COUNTRIES},
}


def names() -> list[str]:
    """The names that `population` knows.

    >>> names()[:4]
    ['nyc', 'king-county', 'new-zealand', 'country:AUS']
    """
    return list(BLUEPRINTS)


def population(name: str, agents: int | None = None, seed: int = 0) -> SyntheticPopulation:
    """A population by name, with ages, households, schools, workplaces and chance meetings.

    Ages, places and sizes of households are those of the tables to rounding; who lives and works with whom rests on
    assumptions that `causal_lpm.populations.composition` and `daily_places` list.

    Args:
        name: One of `names()`.
        agents: As many as persons, if not given; fewer agents are a smaller population of the same kind, in which an
            agent is one person still.
        seed: Any integer; the same seed gives the same population.

    Raises:
        ValueError: an unknown name, agents that are no whole number from 1, more than memory holds, so few that a place
            has children and no adult.

    >>> town = population("king-county", agents=1000)
    >>> town.people["age"].shape, sorted(town.networks)
    (torch.Size([1000]), ['community', 'household', 'school', 'workplace'])
    >>> population("country:NZ")
    Traceback (most recent call last):
    ValueError: unknown population 'country:NZ': did you mean 'country:NZL'?
    """
    known("population", name, BLUEPRINTS)
    return BLUEPRINTS[name]().build(name, agents, seed)
